"""Audit search by request id: every auction, bid, debit and notice of it, and whether the stored bytes still verify."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing.audit.find import Found, find_request
from campaigns.console.access import staff_page
from campaigns.policy import Action
from rtbplatform.kernel.codes import loss_name
from rtbplatform.kernel.events import STAGES

REQUEST_ID_CHARACTERS_MAX = 512


@dataclass(frozen=True)
class Bid:
    """One bid as a table shows it."""

    facts: dict[str, Any]
    is_winner: bool

    @property
    def lost_because(self) -> str:
        """The loss code in words: "outbid"."""
        return loss_name(int(self.facts.get("loss", 0))).replace("_", " ")


@dataclass(frozen=True)
class Imp:
    facts: dict[str, Any]
    bids: list[Bid]


@dataclass(frozen=True)
class Shown:
    found: Found
    at: datetime
    imps: list[Imp]
    stages: list[tuple[str, int]]
    total_us: int
    debited_micros: int


def _shown(found: Found) -> Shown:
    event = found.event
    stage_us = event.get("stage_us", [])
    return Shown(
        found=found,
        at=datetime.fromtimestamp(found.at_ms / 1000, UTC),
        imps=[_imp(one) for one in event.get("imps", [])],
        stages=list(zip(STAGES, stage_us, strict=False)),
        total_us=sum(stage_us),
        debited_micros=sum(line.amount_micros for line in found.lines),
    )


def _imp(facts: dict[str, Any]) -> Imp:
    winner = facts.get("winner", -1)
    bids = [Bid(one, is_winner=index == winner) for index, one in enumerate(facts.get("bids", []))]
    return Imp(facts, bids)


@require_safe
@staff_page(Action.AUDIT_VIEW)
def audit(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("request", "").strip()[:REQUEST_ID_CHARACTERS_MAX]
    started = time.perf_counter()
    found = [_shown(one) for one in find_request(wanted)] if wanted else []
    context = {
        "wanted": wanted,
        "found": found,
        "took_ms": (time.perf_counter() - started) * 1000,
    }
    return render(request, "billing/audit.html", context)
