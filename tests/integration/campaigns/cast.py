"""Makes people, campaigns and creatives as the services make them."""

from __future__ import annotations

from types import SimpleNamespace

from campaigns.models import Campaign, Creative, User
from campaigns.policy import SYSTEM
from campaigns.services.campaign_create import campaign_create
from campaigns.services.creative_save import creative_create
from campaigns.services.user_save import user_create

PASSWORD = "correct horse battery"
DOLLAR = 1_000_000


def person(name: str, *staff_roles: str) -> User:
    email = f"{name}@example.com"
    return user_create(actor=SYSTEM, email=email, password=PASSWORD, staff_roles=staff_roles)


def make_campaign(cast: SimpleNamespace, **fields: object) -> Campaign:
    values = {
        "actor": cast.owner,
        "advertiser_id": cast.acme.pk,
        "name": "Spring",
        "daily_budget_micros": 100 * DOLLAR,
        "bid_cpm_micros": 2 * DOLLAR,
    }
    return campaign_create(**(values | fields))  # type: ignore[arg-type]


def make_creative(cast: SimpleNamespace, campaign: Campaign, **fields: object) -> Creative:
    values = {
        "actor": cast.owner,
        "campaign_id": campaign.pk,
        "crid": f"c-{campaign.pk}",
        "format": "banner",
        "width": 300,
        "height": 250,
        "markup": '<img src="https://cdn.example/a.png">',
    }
    return creative_create(**(values | fields))  # type: ignore[arg-type]
