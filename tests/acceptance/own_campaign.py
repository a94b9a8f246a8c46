"""A campaign of the test's own whose every impression costs the same: it always wins, at first price."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from bench.bodies import Made, Source
from rtbplatform.local.traffic import Traffic
from tests.acceptance.platform import Platform

BID_CPM_MICROS = 80_000_000
COST_MICROS = BID_CPM_MICROS // 1000


class OwnCampaign(msgspec.Struct, frozen=True):
    id: int
    domain: str
    budget_micros: int

    def source(self, count: int) -> Source:
        """`count` first-price display requests of the one site that it is targeted at."""
        traffic = Traffic(secrets.token_hex(8))
        made = [_made(traffic, number, self.domain) for number in range(count)]
        return lambda number: made[number]


def _made(traffic: Traffic, number: int, domain: str) -> Made:
    generated = traffic.make(number, "site")
    request: dict[str, Any] = json.loads(generated.body)
    request["at"] = 1
    # What is shown with this campaign is money, not speed: a busy machine's late answers would be no-bids.
    request["tmax"] = 2000
    request["site"] |= {"domain": domain, "page": f"https://{domain}/{number}"}
    request["imp"][0]["banner"] = {"format": [{"w": 300, "h": 250}]}
    return generated.kind, generated.id, json.dumps(request).encode()


@contextmanager
def own_campaign(platform: Platform, impressions: int) -> Iterator[OwnCampaign]:
    """With a daily budget for so many impressions, pacing ASAP. Paused in the end."""
    name = f"acceptance-{secrets.token_hex(6)}"
    domain = f"{name}.example"
    budget_micros = impressions * COST_MICROS
    made = platform.inside(
        "campaign",
        {
            "name": name,
            "budget_micros": budget_micros,
            "bid_cpm_micros": BID_CPM_MICROS,
            "domains": [domain],
        },
    )
    try:
        yield OwnCampaign(made["id"], domain, budget_micros)
    finally:
        platform.inside("pause", {"campaign": made["id"]})
