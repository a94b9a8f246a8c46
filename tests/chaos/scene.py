"""What a chaos run plays with: 100 campaigns with budgets of different sizes, and two exchanges, as plain values.

25 sites with four campaigns each; half of the sites belong to either exchange, so that each campaign is charged by one
contract only. Requests for a site come in proportion to its campaigns' budgets, twice as many as these can buy.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

SITES = 25
CAMPAIGNS_PER_SITE = 4
ADVERTISERS = 5
SUPPLY = 2.0
"""Imps offered for each imp that all budgets can buy."""
CPMS_MICROS = (20_000_000, 26_500_000, 31_000_000, 44_100_000)
"""Above the demo's: these campaigns win wherever they bid. Costs of an imp: 20,000 to 44,100 micros."""
PACINGS = ("asap", "even", "even", "ahead")
AT_AUCTION, ON_NOTICE = "at_auction", "on_billing_notice"
HORIZON_S = 20
"""Of the exchange that is charged on its billing notices."""


class Planned(msgspec.Struct, frozen=True):
    """A campaign before it exists."""

    name: str
    advertiser: int
    """Number among the run's advertisers, from 0."""
    site: str
    exchange: str
    cpm_micros: int
    budget_micros: int
    pacing: str


class Campaign(msgspec.Struct, frozen=True):
    id: int
    planned: Planned


class Exchange(msgspec.Struct, frozen=True):
    slug: str
    key: str
    charging: str
    horizon_s: int
    """0 when charged at the auction."""


class Scene(msgspec.Struct, frozen=True):
    """What exists."""

    campaigns: list[Campaign]
    exchanges: list[Exchange]
    login: dict[str, str]
    """Of the person who owns all the run's advertisers."""

    def sites(self, exchange: str) -> dict[str, int]:
        """Micros of daily budgets by site."""
        budgets: dict[str, int] = {}
        for campaign in self.campaigns:
            one = campaign.planned
            if one.exchange == exchange:
                budgets[one.site] = budgets.get(one.site, 0) + one.budget_micros
        return budgets

    def imps_per_day(self) -> int:
        """What all daily budgets can buy."""
        return sum(
            one.planned.budget_micros * 1000 // one.planned.cpm_micros for one in self.campaigns
        )


def planned(seed: int, day_seconds: int) -> list[Planned]:
    """Small (10 to 20 imps in 5 minutes), middling and large budgets, shuffled by the seed."""
    rng = random.Random(f"scene/{seed}")
    sizes = [rng.randint(10, 20) for _ in range(20)]
    sizes += [rng.randint(50, 120) for _ in range(60)]
    sizes += [rng.randint(150, 300) for _ in range(20)]
    rng.shuffle(sizes)
    campaigns = []
    for number, size in enumerate(sizes):
        site = number // CAMPAIGNS_PER_SITE
        cpm_micros = CPMS_MICROS[number % CAMPAIGNS_PER_SITE]
        imps = max(4, size * day_seconds // 300)
        campaigns.append(
            Planned(
                name=f"chaos-{number:03d}",
                advertiser=number % ADVERTISERS,
                site=f"site{site:02d}.chaos.example",
                exchange="chaos-auction" if site % 2 else "chaos-notice",
                cpm_micros=cpm_micros,
                # Not a whole number of imps: what is left of a budget must not be spent either.
                budget_micros=imps * cpm_micros // 1000 + rng.randrange(1000),
                pacing=rng.choice(PACINGS),
            )
        )
    return campaigns


def exchanges(*, both_modes: bool) -> list[dict[str, Any]]:
    """Fields of the two exchanges."""
    notice: dict[str, Any] = {"charging": AT_AUCTION, "billing_horizon_s": 0}
    if both_modes:
        notice = {"charging": ON_NOTICE, "billing_horizon_s": HORIZON_S}
    return [
        {"slug": "chaos-auction", "charging": AT_AUCTION, "billing_horizon_s": 0},
        {"slug": "chaos-notice", **notice},
    ]
