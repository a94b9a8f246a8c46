"""What the operator's health page says of its numbers."""

from __future__ import annotations

import re

from django.template.loader import render_to_string

from rtbplatform.console.pod_health import RECENT_S, added_up
from rtbplatform.kernel.wire import PodHealth

NOW_MS = 1_000_000


def page(**latencies: float) -> str:
    dsp = {"calls": 10.0, "bids": 0.0, "timeouts": 10.0, "errors": 0.0, "breaker": 0.0}
    totals = {"totals": {}, "rates": {"requests": 2.0, "won": 1.0}, "latency_ms": {"p50": 5.0}}
    pod = PodHealth("eu", "pod", NOW_MS, 1, 7, **totals, dsps={"alder": dsp | latencies})
    health = added_up([pod], 7, NOW_MS)
    return render_to_string("operator/health_live.html", {"health": health, "recent_s": RECENT_S})


def dsp_cell(html: str, label: str) -> str:
    """A cell of the table of DSPs."""
    (found,) = re.findall(rf'data-label="{label}" class="num">([^<]*)<', html.split("alder")[1])
    return found


def test_a_dsp_without_answers_shows_dashes() -> None:
    html = page(p50_ms=0.0, p99_ms=0.0)
    assert (dsp_cell(html, "p50"), dsp_cell(html, "p99")) == ("-", "-")


def test_a_dsp_with_answers_shows_its_latency() -> None:
    html = page(p50_ms=20.0, p99_ms=80.0)
    assert (dsp_cell(html, "p50"), dsp_cell(html, "p99")) == ("20.0 ms", "80.0 ms")


def test_it_is_said_what_the_numbers_are_over() -> None:
    html = page()
    assert "Rates and latencies over the last 10 seconds" in html
    assert "errors since the bidders started; p50 and p99 of the last 10 seconds" in html
