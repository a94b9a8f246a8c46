"""``python -m tests.acceptance.inside TASK < asked.json``: what tests ask of the platform's own services.

The last line of the output is the result as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from billing.audit.find import find_request  # noqa: E402
from billing.selectors import day_curves  # noqa: E402
from campaigns.models import Advertiser  # noqa: E402 - models need django.setup()
from campaigns.policy import SYSTEM  # noqa: E402
from campaigns.services.budget_change import budget_change  # noqa: E402
from campaigns.services.campaign_create import campaign_create  # noqa: E402
from campaigns.services.campaign_status import campaign_pause, campaign_resume  # noqa: E402
from campaigns.services.creative_review import creative_review  # noqa: E402
from campaigns.services.creative_save import creative_create  # noqa: E402
from campaigns.services.targeting_set import targeting_set  # noqa: E402


def campaign(asked: dict[str, Any]) -> dict[str, int]:
    """An active campaign of our own with an approved 300x250 banner, targeted at some domains."""
    advertiser = Advertiser.objects.filter(currency="USD", is_platform_owned=False).order_by("pk")
    made = campaign_create(
        actor=SYSTEM,
        advertiser_id=advertiser[0].pk,
        name=asked["name"],
        daily_budget_micros=asked["budget_micros"],
        bid_cpm_micros=asked["bid_cpm_micros"],
        pacing=asked.get("pacing", "asap"),
    )
    targeting_set(actor=SYSTEM, campaign_id=made.pk, domains=asked["domains"])
    creative = creative_create(
        actor=SYSTEM,
        campaign_id=made.pk,
        crid=f"accept-{made.pk}",
        format="banner",
        width=300,
        height=250,
        markup='<a href="https://brand.example/"><img src="https://cdn.example/a.png"></a>',
        mimes=["image/png"],
    )
    creative_review(actor=SYSTEM, creative_id=creative.pk, approve=True, reason="a test's own")
    campaign_resume(actor=SYSTEM, campaign_id=made.pk)
    return {"id": made.pk, "advertiser": made.advertiser_id}


def campaigns(asked: list[dict[str, Any]]) -> list[dict[str, int]]:
    """Several, as `campaign` makes them."""
    return [campaign(one) for one in asked]


def due(asked: dict[str, Any]) -> dict[int, list[float]]:
    """By campaign: the part of the budget of a day [starts_ms, ends_ms) that pacing plans to have spent at instants."""
    days = dict.fromkeys(asked["campaigns"], (asked["starts_ms"], asked["ends_ms"]))
    curves = day_curves(days, datetime.fromtimestamp(asked["starts_ms"] / 1000, UTC))
    return {one: [curve.part(at) for at in asked["at_ms"]] for one, curve in curves.items()}


def budget(asked: dict[str, Any]) -> int:
    """Asks for another daily budget. Unix ms at which that was committed."""
    budget_change(
        actor=SYSTEM,
        campaign_id=asked["campaign"],
        daily_budget_micros=asked["budget_micros"],
        total_budget_micros=None,
    )
    return time.time_ns() // 1_000_000


def pause(asked: dict[str, Any]) -> bool:
    campaign_pause(actor=SYSTEM, campaign_id=asked["campaign"])
    return True


def audit(request_ids: list[str]) -> dict[str, int]:
    """How many bids audit_find's service finds for each request; those that it does not find are missing.

    Raises AssertionError where the proof does not hold, or a debit has no outcome.
    """
    bids: dict[str, int] = {}
    for request_id in request_ids:
        for found in find_request(request_id):
            assert found.proof.hash_verifies, f"{request_id}: the proof does not hold"
            assert found.outcome != "unreported", f"{request_id}: no outcome"
            count = sum(len(imp.get("bids", [])) for imp in found.event.get("imps", []))
            bids[request_id] = bids.get(request_id, 0) + count
    return bids


TASKS: dict[str, Callable[[Any], Any]] = {
    "audit": audit,
    "campaign": campaign,
    "campaigns": campaigns,
    "due": due,
    "budget": budget,
    "pause": pause,
}

if __name__ == "__main__":
    result = TASKS[sys.argv[1]](json.load(sys.stdin))
    sys.stdout.write(json.dumps(result) + "\n")
