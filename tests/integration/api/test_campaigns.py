"""The REST API of campaigns: reading, changing, refusals as problem details."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rest_framework.test import APIClient

from campaigns.models import Campaign, User
from campaigns.policy import SYSTEM
from campaigns.services.exchange_save import exchange_create
from tests.integration.campaigns.cast import DOLLAR, make_campaign
from tests.integration.console.test_edits import spent

Api = Callable[[User], APIClient]


def url(campaign: Campaign, part: str = "") -> str:
    return f"/api/v1/campaigns/{campaign.pk}/{part}"


def test_a_list_is_narrowed_and_paged(api: Api, cast: SimpleNamespace) -> None:
    for number in range(3):
        make_campaign(cast, name=f"Campaign {number}")
    client = api(cast.analyst)
    assert len(client.get("/api/v1/campaigns/?q=Campaign 1").json()["results"]) == 1
    first = client.get("/api/v1/campaigns/?page_size=2").json()
    second = client.get(first["next"]).json()
    assert len(first["results"]) == 2
    assert len(second["results"]) == 1


def test_a_campaign_is_created_as_a_draft(api: Api, cast: SimpleNamespace) -> None:
    data = {
        "advertiser": cast.acme.pk,
        "name": "New",
        "daily_budget_micros": DOLLAR,
        "bid_cpm_micros": DOLLAR,
    }
    answer = api(cast.manager).post("/api/v1/campaigns/", data, format="json")
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["currency"]) == ("draft", "USD")


def test_nobody_creates_for_an_advertiser_that_is_not_theirs(
    api: Api, cast: SimpleNamespace
) -> None:
    data = {
        "advertiser": cast.rival.pk,
        "name": "New",
        "daily_budget_micros": DOLLAR,
        "bid_cpm_micros": DOLLAR,
    }
    assert api(cast.manager).post("/api/v1/campaigns/", data, format="json").status_code == 404


def test_settings_are_changed(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    answer = api(cast.manager).patch(url(campaign), {"bid_cpm_micros": 3}, format="json")
    assert answer.json()["bid_cpm_micros"] == 3


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"bid_cpm_micros": "much"}, "bid_cpm_micros"),
        ({"bid_cpm_micros": 0}, "bid_cpm_micros"),
        ({"daily_budget_micros": 5}, "daily_budget_micros"),
        ({"pacing": "sometimes"}, "pacing"),
    ],
)
def test_a_refusal_names_the_field(
    data: dict[str, object], field: str, api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    answer = api(cast.manager).patch(url(campaign), data, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]


def test_pause_and_resume(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    client = api(cast.manager)
    assert client.post(url(campaign, "resume/")).json()["status"] == "active"
    assert client.post(url(campaign, "pause/")).json()["status"] == "paused"


def test_a_draft_cannot_be_paused(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    answer = api(cast.manager).post(url(campaign, "pause/"))
    assert answer.status_code == 400
    assert "cannot become paused" in answer.json()["errors"]["status"][0]


def test_an_analyst_may_read_only(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    client = api(cast.analyst)
    assert client.get(url(campaign)).status_code == 200
    assert client.post(url(campaign, "pause/")).status_code == 403


def test_a_raised_budget_is_200(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    data = {"daily_budget_micros": 200 * DOLLAR, "total_budget_micros": None}
    answer = api(cast.manager).put(url(campaign, "budget/"), data, format="json")
    assert answer.status_code == 200
    assert answer.json()["effective_floor_micros"] is None


def test_a_budget_below_what_is_out_is_202_with_the_floor(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    spent(campaign, 30 * DOLLAR, 4 * DOLLAR)
    data = {"daily_budget_micros": 10 * DOLLAR}
    answer = api(cast.manager).patch(url(campaign, "budget/"), data, format="json")
    assert answer.status_code == 202
    assert answer.json()["effective_floor_micros"] == 34 * DOLLAR
    assert answer.json()["in_force_micros"] == 34 * DOLLAR


def test_a_stale_if_match_is_412(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    client = api(cast.manager)
    etag = client.get(url(campaign, "budget/"))["ETag"]
    data = {"daily_budget_micros": 50 * DOLLAR}
    first = client.patch(url(campaign, "budget/"), data, format="json", headers={"If-Match": etag})
    again = client.patch(url(campaign, "budget/"), data, format="json", headers={"If-Match": etag})
    assert (first.status_code, again.status_code) == (200, 412)


def test_todays_figures(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    spent(campaign, 30 * DOLLAR, 4 * DOLLAR)
    today = api(cast.analyst).get(url(campaign, "today/")).json()
    assert (today["spent_micros"], today["out_micros"]) == (30 * DOLLAR, 4 * DOLLAR)


def test_targeting_is_replaced(api: Api, cast: SimpleNamespace, campaign: Campaign) -> None:
    client = api(cast.manager)
    client.put(url(campaign, "targeting/"), {"countries": ["DEU"], "os": ["ios"]}, format="json")
    client.put(url(campaign, "targeting/"), {"countries": ["USA"]}, format="json")
    targeting = client.get(url(campaign, "targeting/")).json()
    assert (targeting["countries"], targeting["os"]) == (["USA"], [])


def test_a_changed_creative_is_reviewed_again(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    client = api(cast.manager)
    data = {"crid": "c1", "format": "banner", "width": 300, "height": 250, "markup": "<b>ad</b>"}
    made = client.post(url(campaign, "creatives/"), data, format="json")
    assert made.status_code == 201
    address = f"/api/v1/creatives/{made.json()['id']}/"
    changed = client.patch(address, {"width": 320}, format="json")
    assert (changed.json()["width"], changed.json()["review_status"]) == (320, "pending")


def test_exchanges_are_for_the_platforms_people(api: Api, cast: SimpleNamespace) -> None:
    exchange_create(actor=SYSTEM, slug="ex", name="Ex")
    assert api(cast.owner).get("/api/v1/exchanges/").status_code == 403
    rows = api(cast.operator).get("/api/v1/exchanges/").json()["results"]
    assert [row["slug"] for row in rows] == ["ex"]
