"""From an amount to its ledger entry, and from there to the auctions behind it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.audit.store import store_chunks
from billing.ledger.deposits import deposit
from billing.ledger.post import post, spend
from campaigns.models import Campaign, Exchange, User
from campaigns.policy import SYSTEM
from campaigns.services.exchange_save import exchange_create
from rtbplatform.kernel.events import AuctionEvent, encode_event
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.stream import GENESIS_HASH, AuctionEntry, DebitLine, make_chunk
from tests.integration.campaigns.cast import DOLLAR

NOW_MS = 1_790_000_000_000
DAY = 20_000
INCARNATION = uuid7(NOW_MS)


@pytest.fixture
def exchange(db: None) -> Exchange:
    return exchange_create(actor=SYSTEM, slug="ex", name="Ex")


def auction(campaign: Campaign, exchange: Exchange, request: str, micros: int) -> AuctionEntry:
    event = AuctionEvent(
        *(uuid7(NOW_MS), NOW_MS, request, exchange.slug, "local", "pod0", 0, "won", 200)
    )
    line = DebitLine(0, campaign.advertiser_id, campaign.pk, DAY, uuid7(NOW_MS), micros)
    debit = uuid7(NOW_MS)
    return AuctionEntry(hash64(request), exchange.pk, NOW_MS, debit, [line], encode_event(event))


@pytest.fixture
def entries(cast: SimpleNamespace, campaign: Campaign, exchange: Exchange) -> None:
    """A deposit of 100, then 3 spent by two auctions of one chunk."""
    deposit(cast.acme.pk, 100 * DOLLAR, "USD", "payment 1")
    rows = [auction(campaign, exchange, name, cost) for name, cost in (("r1", 1), ("r2", 2))]
    for row in rows:
        row.lines[0] = DebitLine(*_scaled(row.lines[0]))
    chunk = make_chunk(INCARNATION, 1, NOW_MS, GENESIS_HASH, rows)
    with transaction.atomic():
        store_chunks([chunk], [rows])
        place = {"campaign_id": campaign.pk, "day": DAY, "exchange_id": exchange.pk}
        stream = {"incarnation": INCARNATION, "first_seq": 1, "last_seq": 2}
        post([spend(cast.acme.pk, "USD", 3 * DOLLAR, **place, **stream)], timezone.now())


def _scaled(line: DebitLine) -> tuple[Any, ...]:
    return (
        *(line.imp, line.advertiser, line.campaign, line.day, line.lease),
        line.amount_micros * DOLLAR,
    )


def test_each_entry_shows_the_balance_after_it(
    entries: None, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:advertiser_ledger", args=[cast.acme.pk])
    shown: Any = as_(cast.owner).get(url).context["entries"]
    effects = [(row.transaction.amount_micros, row.balance_micros) for row in shown]
    assert effects == [(-3 * DOLLAR, 97 * DOLLAR), (100 * DOLLAR, 100 * DOLLAR)]


def test_the_balance_after_an_entry_does_not_depend_on_the_filter(
    entries: None, cast: SimpleNamespace, campaign: Campaign, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:advertiser_ledger", args=[cast.acme.pk])
    shown: Any = as_(cast.owner).get(url, {"campaign": campaign.pk}).context["entries"]
    assert [row.balance_micros for row in shown] == [97 * DOLLAR]


def test_an_entry_leads_to_the_auctions_behind_it_and_they_sum_to_it(
    entries: None, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    url = reverse("console:ledger_entry", args=[cast.acme.pk, 2])
    answer: Any = as_(cast.finance).get(url)
    assert answer.context["debits_sum_micros"] == 3 * DOLLAR
    assert [row.request_id for row in answer.context["debits"]] == ["r1", "r2"]
    assert f"{reverse('console:audit')}?request=r1" in answer.content.decode()


def test_a_request_is_found_in_the_audit_trail(
    entries: None, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    answer: Any = as_(cast.finance).get(reverse("console:audit"), {"request": "r2"})
    (shown,) = answer.context["found"]
    assert shown.debited_micros == 2 * DOLLAR
    assert "Hash verifies" in answer.content.decode()


def test_balances_are_folds_of_postings(
    entries: None, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    rows: Any = as_(cast.finance).get(reverse("console:balances")).context["rows"]
    by_name = {row.advertiser.name: row for row in rows}
    acme = by_name["Acme"]
    assert (acme.deposited_micros, acme.spent_micros) == (100 * DOLLAR, 3 * DOLLAR)
    assert acme.balance_micros == 97 * DOLLAR


def test_voids_are_less_spent_and_not_paid_in(
    entries: None,
    cast: SimpleNamespace,
    campaign: Campaign,
    exchange: Exchange,
    as_: Callable[[User], Client],
) -> None:
    place = {"campaign_id": campaign.pk, "day": DAY, "exchange_id": exchange.pk}
    stream = {"incarnation": INCARNATION, "first_seq": 3, "last_seq": 3}
    with transaction.atomic():
        post([spend(cast.acme.pk, "USD", -2 * DOLLAR, **place, **stream)], timezone.now())
    rows: Any = as_(cast.finance).get(reverse("console:balances")).context["rows"]
    (acme,) = (row for row in rows if row.advertiser == cast.acme)
    assert (acme.deposited_micros, acme.spent_micros) == (100 * DOLLAR, 1 * DOLLAR)
    assert acme.balance_micros == 99 * DOLLAR


def test_the_chart_cumulates_the_days_entries(
    cast: SimpleNamespace, campaign: Campaign, exchange: Exchange, as_: Callable[[User], Client]
) -> None:
    from billing.console.day_figures import today_of

    day = today_of([campaign])[campaign.pk].day
    place = {"campaign_id": campaign.pk, "day": day, "exchange_id": exchange.pk}
    stream = {"incarnation": INCARNATION, "first_seq": 1, "last_seq": 2}
    draft = spend(cast.acme.pk, "USD", 3 * DOLLAR, **place, **stream)
    with transaction.atomic():
        post([draft, draft], timezone.now())
    url = reverse("console:spend_series", args=[cast.acme.pk, campaign.pk])
    data = as_(cast.owner).get(url).json()
    spent = [value for value in data["series"][0]["values"] if value is not None]
    assert spent[-1] == 6.0
    assert len(data["x"]) == len(data["series"][0]["values"]) == len(data["series"][1]["values"])
