"""Pods' reports added up for the operator."""

from __future__ import annotations

from bidder.banker import health as banker_health
from rtbplatform.console.pod_health import RECENT_S, added_up
from rtbplatform.kernel.wire import PodHealth

NOW_MS = 1_000_000


def pod(name: str, rps: float, won: float, version: int = 7, breaker: float = 0) -> PodHealth:
    return PodHealth(
        region="local",
        pod=name,
        made_ms=NOW_MS - 500,
        workers=1,
        snapshot_version=version,
        totals={},
        rates={"requests": rps, "won": won},
        latency_ms={"p50": 10.0, "p95": 20.0, "p99": rps},
        dsps={"alder": {"calls": 10, "bids": 5, "timeouts": 1, "breaker": breaker}},
        relay_lag=2,
    )


def test_rates_and_lags_are_sums() -> None:
    health = added_up([pod("a", 100, 50), pod("b", 300, 270)], 7, NOW_MS)
    assert (health.rps, health.relay_lag) == (400, 4)


def test_the_bid_rate_weighs_pods_by_their_requests() -> None:
    assert added_up([pod("a", 100, 50), pod("b", 300, 270)], 7, NOW_MS).bid_rate == 80


def test_the_p99_is_the_slowest_pods() -> None:
    assert added_up([pod("a", 100, 50), pod("b", 300, 270)], 7, NOW_MS).p99_ms == 300


def test_pods_with_an_older_snapshot_are_counted() -> None:
    assert added_up([pod("a", 1, 1, version=6), pod("b", 1, 1)], 7, NOW_MS).behind == 1


def test_an_idle_platform_has_no_bid_rate() -> None:
    assert added_up([pod("a", 0, 0)], 7, NOW_MS).bid_rate is None


def test_no_pods_have_no_latency() -> None:
    health = added_up([], 0, NOW_MS)
    assert (health.p50_ms, health.p99_ms) == (None, None)


def test_an_open_breaker_is_told() -> None:
    (row,) = added_up([pod("a", 1, 1, breaker=2)], 7, NOW_MS).dsps
    assert (row.breaker, row.bid_percent, row.timeout_percent) == ("Open", 50, 10)


def test_a_dsp_without_recent_answers_has_no_latency() -> None:
    silent = pod("a", 1, 1)
    silent.dsps["alder"] |= {"p50_ms": 0.0, "p99_ms": 0.0}
    (row,) = added_up([silent], 7, NOW_MS).dsps
    assert (row.p50_ms, row.p99_ms) == (None, None)


def test_a_dsps_latency_is_told() -> None:
    answering = pod("a", 1, 1)
    answering.dsps["alder"] |= {"p50_ms": 20.0, "p99_ms": 80.0}
    (row,) = added_up([answering], 7, NOW_MS).dsps
    assert (row.p50_ms, row.p99_ms) == (20, 80)


def test_an_idle_machine_does_not_lower_the_latency() -> None:
    idle = pod("a", 0, 0)
    idle.latency_ms = {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    assert added_up([idle, pod("b", 30, 30)], 7, NOW_MS).p50_ms == 10


def test_recent_is_what_bankers_look_back() -> None:
    assert RECENT_S == banker_health.WINDOW
