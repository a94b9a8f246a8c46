"""What a role may not do is refused by the address, not merely hidden."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, User
from campaigns.policy import SYSTEM
from campaigns.services.exchange_key import exchange_signing_key
from campaigns.services.exchange_save import exchange_create

WRITES = ("campaign_edit", "campaign_budget", "targeting_edit", "creative_new")
ACTS = ("campaign_pause", "campaign_resume")


@pytest.mark.parametrize("page", [*WRITES, *ACTS])
def test_an_analyst_changes_nothing(
    page: str, cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse(f"console:{page}", args=[cast.acme.pk, campaign.pk])
    assert as_(cast.analyst).post(url).status_code == 403


def test_an_analyst_sees_no_buttons_that_change(
    cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:campaign", args=[cast.acme.pk, campaign.pk])
    page = as_(cast.analyst).get(url).content.decode()
    assert "Edit budget" not in page
    assert reverse("console:campaign_edit", args=[cast.acme.pk, campaign.pk]) not in page


def test_an_analyst_does_not_see_the_ledger(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:advertiser_ledger", args=[cast.acme.pk])
    assert as_(cast.analyst).get(url).status_code == 403


@pytest.mark.parametrize("page", ["health", "exchanges", "switches", "blocks", "balances", "audit"])
def test_an_advertisers_owner_opens_no_page_of_the_platform(
    page: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    assert as_(cast.owner).get(reverse(f"console:{page}")).status_code == 403


def test_finance_uses_no_kill_switch(cast: SimpleNamespace, as_: Callable[[User], Client]) -> None:
    data = {"kind": "platform", "id": "1", "off": "1", "confirmed": "1", "reason": "test"}
    assert as_(cast.finance).post(reverse("console:switch"), data).status_code == 403


def test_only_who_edits_the_market_sees_the_key_that_signs_answers(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    exchange = exchange_create(actor=SYSTEM, slug="ex", name="Ex")
    url = reverse("console:exchange", args=[exchange.pk])
    key = exchange_signing_key(exchange)
    assert key in as_(cast.operator).get(url).content.decode()
    assert key not in as_(cast.fraud).get(url).content.decode()
