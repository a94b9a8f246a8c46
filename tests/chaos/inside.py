"""``python -m tests.chaos.inside TASK < asked.json``: what a chaos run asks of the platform's own services.

The last line of the output is the result as JSON.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from django_scopes import scopes_disabled  # noqa: E402 - models need django.setup()

from billing.ledger.deposits import deposit  # noqa: E402
from campaigns.models import Campaign, Dsp  # noqa: E402
from campaigns.policy import SYSTEM  # noqa: E402
from campaigns.services.advertiser_save import advertiser_create  # noqa: E402
from campaigns.services.campaign_create import campaign_create  # noqa: E402
from campaigns.services.campaign_status import campaign_pause, campaign_resume  # noqa: E402
from campaigns.services.creative_review import creative_review  # noqa: E402
from campaigns.services.creative_save import creative_create  # noqa: E402
from campaigns.services.dsp_save import dsp_update  # noqa: E402
from campaigns.services.exchange_key import exchange_key_create  # noqa: E402
from campaigns.services.exchange_save import exchange_create  # noqa: E402
from campaigns.services.membership_set import membership_set  # noqa: E402
from campaigns.services.targeting_set import targeting_set  # noqa: E402
from campaigns.services.user_save import user_create  # noqa: E402

REASON = "chaos run"
START = datetime(2024, 1, 1, tzinfo=UTC)
DEPOSIT_MICROS = 10**12


def scene(asked: dict[str, Any]) -> dict[str, Any]:
    """Makes advertisers, campaigns, exchanges and their owner; the demo's demand stands aside."""
    with scopes_disabled():
        for dsp in Dsp.objects.filter(active=True):
            dsp_update(actor=SYSTEM, dsp_id=dsp.pk, active=False, reason=REASON)
        for campaign in Campaign.objects.filter(status="active"):
            campaign_pause(actor=SYSTEM, campaign_id=campaign.pk, reason=REASON)
        login = {"email": "chaos@example.com", "password": secrets.token_urlsafe(15)}
        owner = user_create(actor=SYSTEM, reason=REASON, **login)
        advertisers = [_advertiser(number, owner.pk) for number in range(asked["advertisers"])]
        return {
            "campaigns": [
                {"id": _campaign(one, advertisers[one["advertiser"]]), "planned": one}
                for one in asked["campaigns"]
            ],
            "exchanges": [_exchange(one) for one in asked["exchanges"]],
            "login": login,
        }


def _advertiser(number: int, owner_id: int) -> int:
    row = advertiser_create(
        actor=SYSTEM,
        name=f"Chaos {number}",
        currency="USD",
        domain=f"brand{number}.example",
        time_zone="UTC",
        is_platform_owned=False,
        reason=REASON,
    )
    deposit(row.pk, DEPOSIT_MICROS, "USD", f"chaos-{number}")
    membership_set(
        actor=SYSTEM, advertiser_id=row.pk, user_id=owner_id, role="owner", reason=REASON
    )
    return row.pk


def _campaign(one: dict[str, Any], advertiser_id: int) -> int:
    made = campaign_create(
        actor=SYSTEM,
        advertiser_id=advertiser_id,
        name=one["name"],
        daily_budget_micros=one["budget_micros"],
        bid_cpm_micros=one["cpm_micros"],
        pacing=one["pacing"],
        starts_at=START,
        reason=REASON,
    )
    targeting_set(actor=SYSTEM, campaign_id=made.pk, domains=[one["site"]], reason=REASON)
    creative = creative_create(
        actor=SYSTEM,
        campaign_id=made.pk,
        crid=f"chaos-{made.pk}",
        format="banner",
        width=300,
        height=250,
        markup='<a href="https://brand.example/"><img src="https://cdn.example/a.png"></a>',
        mimes=["image/png"],
        reason=REASON,
    )
    creative_review(actor=SYSTEM, creative_id=creative.pk, approve=True, reason=REASON)
    campaign_resume(actor=SYSTEM, campaign_id=made.pk, reason=REASON)
    return made.pk


def _exchange(one: dict[str, Any]) -> dict[str, Any]:
    fields = {"charging": one["charging"]}
    if one["billing_horizon_s"]:
        fields["billing_horizon_s"] = one["billing_horizon_s"]
    row = exchange_create(actor=SYSTEM, slug=one["slug"], name=one["slug"], reason=REASON, **fields)
    _, clear = exchange_key_create(actor=SYSTEM, exchange_id=row.pk, label="chaos", reason=REASON)
    return {
        "slug": one["slug"],
        "key": clear,
        "charging": one["charging"],
        "horizon_s": one["billing_horizon_s"],
    }


TASKS: dict[str, Callable[[Any], Any]] = {"scene": scene}

if __name__ == "__main__":
    result = TASKS[sys.argv[1]](json.load(sys.stdin))
    sys.stdout.write(json.dumps(result) + "\n")
