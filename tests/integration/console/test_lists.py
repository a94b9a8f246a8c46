"""Lists: what they show, how many queries they take whatever their length, and that CSV is safe."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from campaigns.models import Campaign, User
from tests.integration.campaigns.cast import DOLLAR, make_campaign

QUERIES_MAX = 10


def many(cast: SimpleNamespace, count: int) -> None:
    with scopes_disabled():
        Campaign.objects.bulk_create(
            Campaign(
                advertiser=cast.acme,
                name=f"Campaign {number:05}",
                currency="USD",
                time_zone="UTC",
                daily_budget_micros=number * DOLLAR,
                bid_cpm_micros=DOLLAR,
                starts_at=timezone.now(),
            )
            for number in range(1, count + 1)
        )


def queries_of(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


def test_a_list_takes_the_same_queries_for_one_campaign_and_for_ten_thousand(
    cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    browser, url = as_(cast.owner), reverse("console:campaigns", args=[cast.acme.pk])
    make_campaign(cast)
    for_one = queries_of(browser, url)
    many(cast, 10_000)
    assert queries_of(browser, url) == for_one <= QUERIES_MAX


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("", "Campaign 00001"),
        ("?sort=-budget", "Campaign 00060"),
        ("?page=2", "Campaign 00051"),
        ("?q=00042", "Campaign 00042"),
        ("?sort=nonsense&page=nonsense", "Campaign 00001"),
    ],
)
def test_a_list_is_sorted_paged_and_searched(
    query: str, first: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    many(cast, 60)
    url = reverse("console:campaigns", args=[cast.acme.pk]) + query
    rows: Any = as_(cast.owner).get(url).context["rows"]
    assert rows[0]["campaign"].name == first


def test_a_search_for_an_id_finds_it(
    cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:campaigns", args=[cast.acme.pk])
    rows: Any = as_(cast.owner).get(url, {"q": str(campaign.pk)}).context["rows"]
    assert [row["campaign"].pk for row in rows] == [campaign.pk]


def test_csv_runs_no_formula(cast: SimpleNamespace, as_: Callable[[User], Client]) -> None:
    make_campaign(cast, name='=HYPERLINK("http://evil.example")')
    answer: Any = as_(cast.owner).get(reverse("console:campaigns_csv", args=[cast.acme.pk]))
    body = b"".join(answer.streaming_content).decode()
    assert "'=HYPERLINK" in body
    assert ",=HYPERLINK" not in body


def test_csv_has_every_row(cast: SimpleNamespace, as_: Callable[[User], Client]) -> None:
    many(cast, 1_234)
    answer: Any = as_(cast.owner).get(reverse("console:campaigns_csv", args=[cast.acme.pk]))
    assert len(b"".join(answer.streaming_content).splitlines()) == 1_235
