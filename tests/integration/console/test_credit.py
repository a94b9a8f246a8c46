"""The page of an advertiser's credit line: who opens it, what it asks before money stops, and what it records."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.escrow.models import BudgetScope
from billing.ledger.credit import credit_changes, set_credit_line
from billing.ledger.deposits import deposit
from billing.selectors import balance
from campaigns.models import User
from campaigns.policy import SYSTEM
from tests.integration.campaigns.cast import DOLLAR


@pytest.fixture
def url(cast: SimpleNamespace) -> str:
    return reverse("console:credit_line", args=[cast.acme.pk])


@pytest.fixture
def out(cast: SimpleNamespace) -> None:
    """Paid in 5, a credit line of 10, and 12 of it committed."""
    deposit(cast.acme.pk, 5 * DOLLAR, "USD", "payment 1")
    line = {"advertiser_id": cast.acme.pk, "amount_micros": 10 * DOLLAR, "reason": "contract 7"}
    set_credit_line(actor=SYSTEM, **line)
    BudgetScope.objects.update(committed_micros=12 * DOLLAR)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("finance", 200),
        ("admin", 200),
        ("operator", 403),
        ("fraud", 403),
        ("owner", 403),
        ("rival_owner", 404),
        ("outsider", 404),
    ],
)
def test_only_finance_and_admins_open_it(
    name: str, status: int, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    assert as_(getattr(cast, name)).get(url).status_code == status


@pytest.mark.parametrize("name", ["operator", "owner"])
def test_others_change_nothing(
    name: str, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "10", "reason": "why not", "seen": "0"}
    assert as_(getattr(cast, name)).post(url, data).status_code == 403
    assert balance(cast.acme.pk).credit_micros == 0


def test_a_line_is_typed_in_currency_units_and_shown_with_who_and_why(
    url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "250.50", "reason": "contract 7", "seen": "0"}
    page = as_(cast.finance).post(url, data, follow=True).content.decode()
    assert balance(cast.acme.pk).credit_micros == 250_500_000
    assert "Credit line saved" in page
    assert "contract 7" in page
    assert cast.finance.email in page
    assert "$250.50" in page


def test_lowering_it_below_what_is_committed_asks_first(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "0", "reason": "overdue", "seen": str(10 * DOLLAR)}
    answer = as_(cast.finance).post(url, data)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "$12.00 is already spent or with the bidders; the limit would be $5.00" in page
    assert "Lower it anyway" in page
    assert balance(cast.acme.pk).credit_micros == 10 * DOLLAR


def test_lowering_it_below_what_is_committed_is_done_when_confirmed(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "0", "reason": "overdue", "seen": str(10 * DOLLAR), "confirmed_micros": "0"}
    page = as_(cast.finance).post(url, data, follow=True).content.decode()
    assert balance(cast.acme.pk).over_micros == 7 * DOLLAR
    assert "$7.00 above the limit" in page


def test_what_was_confirmed_for_another_amount_is_asked_again(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "0", "reason": "overdue", "seen": str(10 * DOLLAR)}
    data["confirmed_micros"] = str(6 * DOLLAR)
    assert as_(cast.finance).post(url, data).status_code == 409


def test_lowering_it_within_what_is_free_needs_no_confirmation(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "7", "reason": "new contract", "seen": str(10 * DOLLAR)}
    assert as_(cast.finance).post(url, data).status_code == 302


@pytest.mark.parametrize(
    ("changed", "field"), [({"amount": "-1"}, "amount"), ({"reason": " "}, "reason")]
)
def test_a_refusal_stands_beside_its_field(
    changed: dict[str, str],
    field: str,
    url: str,
    cast: SimpleNamespace,
    as_: Callable[[User], Client],
) -> None:
    data = {"amount": "10", "reason": "contract", "seen": "0"} | changed
    answer: Any = as_(cast.finance).post(url, data)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_a_line_that_somebody_changed_meanwhile_is_not_overwritten(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    data = {"amount": "20", "reason": "contract 8", "seen": "0"}
    answer = as_(cast.finance).post(url, data)
    assert answer.status_code == 422
    assert "meanwhile" in answer.content.decode()
    assert credit_changes(cast.acme.pk).count() == 1


def test_balances_lead_to_the_line_and_show_what_is_free(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    answer: Any = as_(cast.finance).get(reverse("console:balances"))
    (acme,) = (row for row in answer.context["rows"] if row.advertiser == cast.acme)
    assert (acme.credit_micros, acme.free_micros) == (10 * DOLLAR, 3 * DOLLAR)
    assert url in answer.content.decode()


def test_an_advertiser_sees_its_line_and_cannot_change_it(
    out: None, url: str, cast: SimpleNamespace, as_: Callable[[User], Client]
) -> None:
    page = as_(cast.owner).get(reverse("console:advertiser_ledger", args=[cast.acme.pk]))
    assert "<dt>Credit line</dt><dd>$10.00</dd>" in page.content.decode()
    assert url not in page.content.decode()
