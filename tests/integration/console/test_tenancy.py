"""No address whatsoever shows a person of one advertiser anything of another's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import User
from tests.integration.campaigns.cast import make_campaign, make_creative
from tests.integration.console.routes import ours

METHODS = ("get", "head", "post", "put", "patch", "delete")
TENANT_VALUES = {"advertiser_id", "campaign_id", "creative_id", "number", "pk"}
STAFF_VALUES = {"exchange_id", "key_id", "dsp_id", "entry_id"}
NOT_ROWS = {"token_key"}
OF_STAFF = {"api:exchange-detail"}
"""`pk` is an exchange's there: no tenant's."""
TENANT_ROUTES = [
    (name, values) for name, values in ours() if values & TENANT_VALUES and name not in OF_STAFF
]


def test_every_value_in_an_address_is_known_to_this_test() -> None:
    used = set().union(*(values for _, values in ours()))
    assert used <= TENANT_VALUES | STAFF_VALUES | NOT_ROWS


def test_the_walk_finds_pages_and_api() -> None:
    names = {name for name, _ in TENANT_ROUTES}
    assert {"console:campaign", "console:ledger_entry", "api:campaign-detail"} <= names


@pytest.fixture
def theirs(cast: SimpleNamespace) -> dict[str, int]:
    campaign = make_campaign(cast, actor=cast.rival_owner, advertiser_id=cast.rival.pk)
    creative = make_creative(cast, campaign, actor=cast.rival_owner)
    return {
        "advertiser_id": cast.rival.pk,
        "campaign_id": campaign.pk,
        "creative_id": creative.pk,
        "number": 1,
        "pk": campaign.pk,
    }


@pytest.mark.parametrize(("name", "values"), TENANT_ROUTES, ids=[name for name, _ in TENANT_ROUTES])
def test_anothers_objects_are_not_found(
    name: str,
    values: set[str],
    cast: SimpleNamespace,
    theirs: dict[str, int],
    as_: Callable[[User], Client],
) -> None:
    browser = as_(cast.owner)
    url = reverse(name, kwargs={value: theirs[value] for value in values})
    answers = {method: getattr(browser, method)(url).status_code for method in METHODS}
    assert set(answers.values()) <= {404, 405}
    assert 404 in answers.values()


@pytest.mark.parametrize(
    ("name", "values"),
    [one for one in TENANT_ROUTES if len(one[1]) > 1],
    ids=[name for name, values in TENANT_ROUTES if len(values) > 1],
)
def test_anothers_objects_are_not_found_under_an_address_of_ones_own(
    name: str,
    values: set[str],
    cast: SimpleNamespace,
    theirs: dict[str, int],
    as_: Callable[[User], Client],
) -> None:
    browser = as_(cast.owner)
    mixed = theirs | {"advertiser_id": cast.acme.pk}
    url = reverse(name, kwargs={value: mixed[value] for value in values})
    answers = {method: getattr(browser, method)(url).status_code for method in METHODS}
    assert set(answers.values()) <= {404, 405}


OPEN_TO_ALL = {"healthz", "api_schema", "api_docs", "api:tokens", "api:unknown"}
"""They show nothing of anybody."""
CLOSED = [(name, values) for name, values in ours() if name not in OPEN_TO_ALL]


@pytest.mark.parametrize(("name", "values"), CLOSED, ids=[name for name, _ in CLOSED])
def test_nobody_gets_in_without_logging_in(name: str, values: set[str], client: Client) -> None:
    url = reverse(name, kwargs=dict.fromkeys(values, 1))
    status = client.get(url).status_code
    assert status in {302, 401, 403, 405}


def test_lists_of_the_api_leave_others_out(
    cast: SimpleNamespace, theirs: dict[str, int], as_: Callable[[User], Client]
) -> None:
    mine = make_campaign(cast)
    rows = as_(cast.owner).get(reverse("api:campaign-list")).json()["results"]
    assert [row["id"] for row in rows] == [mine.pk]
