"""What the API refuses, and that it says why: unknown fields, contradictions, unknown addresses."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from campaigns.models import Campaign, User
from tests.integration.campaigns.cast import make_creative

Api = Callable[[User], APIClient]

CANNOT_BE_SET = ["This field cannot be set here."]
CREATIVE = {"crid": "c1", "format": "banner", "width": 300, "height": 250, "markup": "<b>ad</b>"}


def url(campaign: Campaign, part: str = "") -> str:
    return f"/api/v1/campaigns/{campaign.pk}/{part}"


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    found: dict[str, list[str]] = answer.json()["errors"]
    return found


def test_an_hour_that_no_week_has_is_refused(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    client, address = api(cast.manager), url(campaign, "targeting/")
    answer = client.put(address, {"hours": [167, 168]}, format="json")
    assert answer.status_code == 400
    assert "168 is not an hour of the week" in answer.content.decode()
    assert client.put(address, {"hours": [167, 0]}, format="json").json()["hours"] == [167, 0]


def test_a_misspelt_list_does_not_empty_the_targeting(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    client, address = api(cast.manager), url(campaign, "targeting/")
    client.put(address, {"countries": ["DEU"]}, format="json")
    answer = client.put(address, {"countries_include": ["USA"]}, format="json")
    assert errors(answer) == {"countries_include": CANNOT_BE_SET}
    assert client.get(address).json()["countries"] == ["DEU"]


@pytest.mark.parametrize("field", ["hight", "review_status", "campaign"])
def test_a_new_creative_has_no_such_field(
    field: str, api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    data = {**CREATIVE, field: "approved"}
    answer = api(cast.manager).post(url(campaign, "creatives/"), data, format="json")
    assert errors(answer) == {field: CANNOT_BE_SET}


def test_nobody_approves_a_creative_by_changing_it(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    address = f"/api/v1/creatives/{make_creative(cast, campaign).pk}/"
    answer = api(cast.manager).patch(address, {"review_status": "approved"}, format="json")
    assert errors(answer) == {"review_status": CANNOT_BE_SET}


def test_a_budgets_version_is_not_set_but_matched(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    data = {"daily_budget_micros": 5, "budget_version": 1}
    answer = api(cast.manager).patch(url(campaign, "budget/"), data, format="json")
    assert errors(answer) == {"budget_version": CANNOT_BE_SET}


def test_a_log_in_ignores_what_it_does_not_need(db: None) -> None:
    data = {"email": "owner@example.com", "password": "x", "advertiser": 1}
    answer = APIClient().post("/api/v1/tokens/", data, format="json")
    assert "advertiser" not in answer.json().get("errors", {})


@pytest.mark.parametrize(
    ("data", "field", "sentence"),
    [
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at", "The end must be after the start."),
        (
            {"frequency_cap_count": 3},
            "frequency_cap_window_s",
            "A frequency cap needs a window: say how long it is.",
        ),
        (
            {"bid_cpm_micros": 10**12 + 1},
            "bid_cpm_micros",
            "The CPM must be above 0 and at most 1,000,000.",
        ),
    ],
)
def test_a_refusal_is_a_sentence_at_the_field_to_be_mended(
    data: dict[str, object],
    field: str,
    sentence: str,
    api: Api,
    cast: SimpleNamespace,
    campaign: Campaign,
) -> None:
    answer = api(cast.manager).patch(url(campaign), data, format="json")
    assert errors(answer) == {field: [sentence]}


def test_a_category_that_there_is_not_is_refused(
    api: Api, cast: SimpleNamespace, campaign: Campaign
) -> None:
    answer = api(cast.manager).patch(url(campaign), {"categories": ["nonsense"]}, format="json")
    assert list(errors(answer)) == ["categories"]


@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("address", ["nothing/", "campaigns/none/", "campaigns", ""])
def test_an_unknown_address_is_a_problem(method: str, address: str, client: Client) -> None:
    answer = getattr(client, method)(f"/api/v1/{address}", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404
