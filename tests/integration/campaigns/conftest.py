"""A named cast: two advertisers, their people, the platform's people, and somebody from outside."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

from campaigns.models import Campaign
from campaigns.policy import SYSTEM
from campaigns.services.advertiser_save import advertiser_create
from campaigns.services.membership_set import membership_set
from tests.integration.campaigns.cast import make_campaign, person


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def cast(db: None) -> SimpleNamespace:
    acme = advertiser_create(actor=SYSTEM, name="Acme", currency="USD", domain="acme.example")
    rival = advertiser_create(actor=SYSTEM, name="Rival", currency="EUR", domain="rival.example")
    people = {name: person(name) for name in ("owner", "manager", "analyst", "outsider")}
    for role in ("owner", "manager", "analyst"):
        membership_set(actor=SYSTEM, advertiser_id=acme.pk, user_id=people[role].pk, role=role)
    rival_owner = person("rival")
    membership_set(actor=SYSTEM, advertiser_id=rival.pk, user_id=rival_owner.pk, role="owner")
    return SimpleNamespace(
        acme=acme,
        rival=rival,
        rival_owner=rival_owner,
        operator=person("operator", "operator"),
        fraud=person("fraud", "fraud_analyst"),
        finance=person("finance", "finance"),
        admin=person("admin", "admin"),
        **people,
    )


@pytest.fixture
def campaign(cast: SimpleNamespace) -> Campaign:
    return make_campaign(cast)
