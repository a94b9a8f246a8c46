"""Every page opens for whom it is meant, and its policy lets no inline script in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, User
from campaigns.policy import SYSTEM
from campaigns.services.dsp_save import dsp_create
from campaigns.services.exchange_save import exchange_create
from tests.integration.campaigns.cast import PASSWORD, make_creative

OF_CAMPAIGN = (
    *("campaign", "campaign_edit", "campaign_budget", "targeting", "targeting_edit"),
    *("creatives", "creative_new", "campaign_history", "today", "spend_series"),
)
OF_ADVERTISER = ("campaigns", "campaigns_csv", "campaign_new", "advertiser_ledger", "ledger_csv")
OF_STAFF = (
    ("operator", "health"),
    ("operator", "health_live"),
    ("operator", "exchanges"),
    ("operator", "exchange_new"),
    ("operator", "dsps"),
    ("operator", "dsp_new"),
    ("operator", "switches"),
    ("operator", "advertisers"),
    ("fraud", "blocks"),
    ("fraud", "blocks_csv"),
    ("finance", "balances"),
    ("finance", "audit"),
)


@pytest.mark.parametrize("page", OF_CAMPAIGN)
def test_pages_of_a_campaign_open(
    page: str, cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    make_creative(cast, campaign)
    url = reverse(f"console:{page}", args=[cast.acme.pk, campaign.pk])
    assert as_(cast.owner).get(url).status_code == 200


@pytest.mark.parametrize("page", OF_ADVERTISER)
def test_pages_of_an_advertiser_open(
    page: str, cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse(f"console:{page}", args=[cast.acme.pk])
    assert as_(cast.owner).get(url).status_code == 200


@pytest.mark.parametrize(("who", "page"), OF_STAFF)
def test_pages_of_the_platforms_people_open(
    who: str, page: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    assert as_(getattr(cast, who)).get(reverse(f"console:{page}")).status_code == 200


def test_an_exchange_and_a_dsp_can_be_edited(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    exchange = exchange_create(actor=SYSTEM, slug="ex", name="Ex")
    dsp = dsp_create(actor=SYSTEM, slug="d", name="D", seat="s", endpoint="https://d.example/bid")
    browser = as_(cast.operator)
    for url in (
        reverse("console:exchange", args=[exchange.pk]),
        reverse("console:exchange_edit", args=[exchange.pk]),
        reverse("console:dsp_edit", args=[dsp.pk]),
    ):
        assert browser.get(url).status_code == 200


@pytest.mark.parametrize(
    ("who", "first"),
    [
        ("owner", "campaigns"),
        ("operator", "health"),
        ("finance", "balances"),
        ("fraud", "blocks"),
    ],
)
def test_the_start_page_leads_to_ones_work(
    who: str, first: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    args = [cast.acme.pk] if first == "campaigns" else []
    answer = as_(getattr(cast, who)).get("/")
    assert answer["Location"] == reverse(f"console:{first}", args=args)


def test_somebody_without_a_role_is_told_so(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    answer = as_(cast.outsider).get("/")
    assert answer.status_code == 403
    assert "no role yet" in answer.content.decode()


def test_logging_in_and_out(cast: SimpleNamespace, client: Client) -> None:
    login = reverse("account_login")
    wrong = client.post(login, {"login": "owner@example.com", "password": "no"})
    assert "not correct" in wrong.content.decode()
    client.post(login, {"login": "owner@example.com", "password": PASSWORD})
    campaigns = reverse("console:campaigns", args=[cast.acme.pk])
    assert client.get(campaigns).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(campaigns).status_code == 302


def test_pages_allow_no_inline_script_or_style(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    answer = as_(cast.owner).get(reverse("console:campaigns", args=[cast.acme.pk]))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_preview_has_an_origin_of_its_own(
    cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    creative = make_creative(cast, campaign, markup="<script>parent.document</script>")
    args = [cast.acme.pk, campaign.pk, creative.pk]
    answer = as_(cast.owner).get(reverse("console:creative_preview", args=args))
    policy = answer["Content-Security-Policy"]
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy


TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_nothing_inline(path: Path) -> None:
    text = re.sub(r"{%.*?%}", "", path.read_text())
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
