"""Forms of the console: what is saved, what is refused beside which field, and what the history says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled

from billing.console.day_figures import today_of
from billing.escrow.models import CampaignDay
from campaigns.models import Campaign, ExchangeKey, PlatformSwitch, Targeting, User
from campaigns.policy import SYSTEM
from campaigns.services.campaign_status import campaign_resume
from campaigns.services.exchange_save import exchange_create
from fraud.models import BlockEntry
from rtbplatform.kernel.keys import exchange_key_hash
from tests.integration.campaigns.cast import DOLLAR

Post = Callable[..., HttpResponse]


@pytest.fixture
def post(cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]) -> Post:
    """Posts a form of the campaign as its manager."""

    def send(page: str, **data: object) -> HttpResponse:
        url = reverse(f"console:{page}", args=[cast.acme.pk, campaign.pk])
        return as_(cast.manager).post(url, data)  # type: ignore[return-value]

    return send


def spent(campaign: Campaign, settled_micros: int, leased_micros: int) -> None:
    today = today_of([campaign])[campaign.pk]
    budget = campaign.daily_budget_micros
    CampaignDay.objects.create(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        day=today.day,
        currency=campaign.currency,
        starts_at=datetime.fromtimestamp(today.starts_ms / 1000, UTC),
        ends_at=datetime.fromtimestamp(today.ends_ms / 1000, UTC),
        asked_micros=budget,
        budget_micros=budget,
        version=1,
        settled_micros=settled_micros,
        leased_micros=leased_micros,
        available_micros=budget - settled_micros - leased_micros,
    )


def test_a_budget_is_typed_in_currency_units(post: Post, campaign: Campaign) -> None:
    answer = post("campaign_budget", daily_budget="250.50", total_budget="", version=1)
    assert answer.status_code == 302
    with scopes_disabled():
        campaign.refresh_from_db()
    assert campaign.daily_budget_micros == 250_500_000


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("12,50", "Enter digits with a point"),
        ("-1", "Enter digits with a point"),
        ("1e3", "Enter digits with a point"),
        ("0.0000001", "at most 6 decimals"),
        ("", "This field is required"),
    ],
)
def test_a_budget_that_is_no_amount_is_refused_beside_its_field(
    typed: str, error: str, post: Post
) -> None:
    answer = post("campaign_budget", daily_budget=typed, total_budget="", version=1)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert error in page
    assert 'aria-describedby="id_daily_budget_error"' in page


def test_a_budget_below_what_is_out_asks_first(post: Post, campaign: Campaign) -> None:
    spent(campaign, 30 * DOLLAR, 4 * DOLLAR)
    answer = post("campaign_budget", daily_budget="10", total_budget="", version=1)
    assert answer.status_code == 409
    assert "$34.00" in answer.content.decode()
    with scopes_disabled():
        campaign.refresh_from_db()
    assert campaign.daily_budget_micros == 100 * DOLLAR


def test_a_confirmed_budget_below_what_is_out_is_saved(post: Post, campaign: Campaign) -> None:
    spent(campaign, 30 * DOLLAR, 4 * DOLLAR)
    data = {"daily_budget": "10", "total_budget": "", "version": 1}
    assert post("campaign_budget", **data, confirmed_floor=34 * DOLLAR).status_code == 302
    with scopes_disabled():
        campaign.refresh_from_db()
    assert campaign.daily_budget_micros == 10 * DOLLAR


def test_a_budget_changed_meanwhile_is_not_overwritten(post: Post) -> None:
    post("campaign_budget", daily_budget="50", total_budget="", version=1)
    answer = post("campaign_budget", daily_budget="60", total_budget="", version=1)
    assert answer.status_code == 422
    assert "Somebody else has changed" in answer.content.decode()


def test_htmx_gets_the_card_only(
    cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:campaign_budget", args=[cast.acme.pk, campaign.pk])
    page = as_(cast.owner).get(url, headers={"HX-Request": "true"}).content.decode()
    assert page.startswith("<form")


def test_pause_and_resume(post: Post, campaign: Campaign, cast: SimpleNamespace) -> None:
    campaign_resume(actor=cast.owner, campaign_id=campaign.pk)
    post("campaign_pause")
    with scopes_disabled():
        campaign.refresh_from_db()
        assert campaign.status == "paused"
        post("campaign_resume")
        campaign.refresh_from_db()
        assert campaign.status == "active"


def test_a_campaign_is_made_in_its_time_zone(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {
        "name": "Autumn",
        "daily_budget": "100",
        "bid_cpm": "2.5",
        "pacing": "even",
        "time_zone": "America/New_York",
        "starts_at": "2030-01-01T00:00",
        "frequency_cap_count": "0",
    }
    url = reverse("console:campaign_new", args=[cast.acme.pk])
    assert as_(cast.owner).post(url, data).status_code == 302
    with scopes_disabled():
        made = Campaign.objects.get(name="Autumn")
    assert made.starts_at == datetime(2030, 1, 1, 5, tzinfo=UTC)
    assert made.bid_cpm_micros == 2_500_000


def test_a_name_that_is_taken_is_refused(
    cast: SimpleNamespace, campaign: Campaign, post: Post
) -> None:
    data = {"name": "Spring", "bid_cpm": "0", "pacing": "even", "starts_at": "2030-01-01T00:00"}
    answer = post("campaign_edit", **data, frequency_cap_count="0")
    assert answer.status_code == 422
    form: Any = answer.context["form"]
    assert "above 0" in str(form.errors), form.errors


def test_a_category_that_there_is_not_is_refused_beside_its_field(post: Post) -> None:
    data = {"name": "Spring", "bid_cpm": "2", "pacing": "even", "starts_at": "2030-01-01T00:00"}
    answer: Any = post("campaign_edit", **data, frequency_cap_count="0", categories="nonsense")
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["categories"]


def test_targeting_says_which_value_is_wrong(post: Post) -> None:
    answer = post("targeting_edit", countries="USA, Germany")
    assert answer.status_code == 422
    assert "“Germany” is not a three-letter country code" in answer.content.decode()


def test_hours_of_the_week_are_saved_and_shown_in_words(
    cast: SimpleNamespace, campaign: Campaign, post: Post, as_: Callable[[User], Client]
) -> None:
    post("targeting_edit", hours=["8", "9", "32", "33", "167"])
    with scopes_disabled():
        assert Targeting.objects.get(campaign=campaign).hours == [8, 9, 32, 33, 167]
    page = as_(cast.owner).get(reverse("console:targeting", args=[cast.acme.pk, campaign.pk]))
    assert "Mon-Tue 08:00-10:00" in page.content.decode()
    assert "Sun 23:00-24:00" in page.content.decode()


def test_an_hour_that_no_week_has_is_refused_and_the_others_stay_ticked(post: Post) -> None:
    answer: Any = post("targeting_edit", hours=["8", "168"])
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["hours"]
    assert 'value="8" aria-label="Monday 08:00" checked' in answer.content.decode()


def test_the_history_tells_who_changed_what_from_what_to_what(
    cast: SimpleNamespace, campaign: Campaign, post: Post, as_: Callable[[User], Client]
) -> None:
    post("campaign_budget", daily_budget="70", total_budget="", version=1)
    post("targeting_edit", countries="DEU")
    url = reverse("console:campaign_history", args=[cast.acme.pk, campaign.pk])
    page = as_(cast.owner).get(url).content.decode()
    assert cast.manager.email in page
    assert "<del>$100.00</del>" in page
    assert "<ins>$70.00</ins>" in page
    assert "Targeting: Countries" in page


def test_an_exchanges_form_says_what_its_horizon_costs(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    exchange = exchange_create(actor=SYSTEM, slug="ex", name="Ex", billing_horizon_s=600)
    url = reverse("console:exchange_edit", args=[exchange.pk])
    assert "600 s 6.9 %" in as_(cast.operator).get(url).content.decode()


def test_a_new_key_is_shown_once(cast: SimpleNamespace, as_: Callable[[User], Client]) -> None:
    exchange = exchange_create(actor=SYSTEM, slug="ex", name="Ex")
    browser = as_(cast.operator)
    made = browser.post(reverse("console:exchange_rotate", args=[exchange.pk]), {"label": "one"})
    clear = made.context["new_key"]
    assert clear in made.content.decode()
    row = ExchangeKey.objects.get(exchange=exchange)
    assert bytes(row.key_hash) == exchange_key_hash(clear)
    again = browser.get(reverse("console:exchange", args=[exchange.pk])).content.decode()
    assert clear not in again


def test_the_kill_switch_wants_a_reason(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    browser, url = as_(cast.operator), reverse("console:switch")
    data = {"kind": "platform", "id": "1", "off": "1"}
    assert "required" in browser.post(url, {**data, "confirmed": "1"}).content.decode()
    assert not PlatformSwitch.objects.filter(killed=True).exists()
    browser.post(url, {**data, "confirmed": "1", "reason": "drill"})
    assert PlatformSwitch.objects.filter(killed=True).exists()


def test_a_block_has_a_reason_and_an_end(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    browser, url = as_(cast.fraud), reverse("console:blocks")
    data = {"kind": "ip", "value": "192.0.2.1", "reason": "click farm"}
    browser.post(url, {**data, "expires_at": "2099-01-01T00:00"})
    entry = BlockEntry.objects.get()
    assert (entry.reason, entry.expires_at) == ("click farm", datetime(2099, 1, 1, tzinfo=UTC))
    browser.post(reverse("console:block_remove", args=[entry.pk]))
    assert not BlockEntry.objects.exists()
