"""Credit lines: an advertiser that has paid nothing bids up to its line, and what is out returns when it is lowered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction

from billing.escrow.models import BudgetScope, SignOff
from billing.ledger.credit import CREDIT_MICROS_MAX, CreditLine, credit_changes, set_credit_line
from billing.ledger.deposits import deposit
from billing.selectors import balance
from campaigns.models import Advertiser, Campaign, User
from campaigns.policy import SYSTEM
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.wire import Grant
from tests.integration.billing.bank import STORE, Bank, debit
from tests.integration.billing.conftest import NOW_MS

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def advertiser(db: None) -> Advertiser:
    """It has paid nothing."""
    return Advertiser.objects.create(name="Acme", currency="USD", domain="acme.example")


@pytest.fixture
def credit(advertiser: Advertiser) -> Callable[..., CreditLine]:
    def change(amount_micros: int, reason: str = "contract 7", **more: int) -> CreditLine:
        return set_credit_line(
            actor=SYSTEM,
            advertiser_id=advertiser.pk,
            amount_micros=amount_micros,
            reason=reason,
            **more,
        )

    return change


@pytest.fixture
def leases(bank: Bank, campaign: Campaign) -> Callable[[], list[Lease]]:
    """All that the campaign gets until it is refused."""

    def take() -> list[Lease]:
        taken = []
        while isinstance(answer := bank.ask(bank.request(campaign.pk, bid=1))[0][1], Grant):
            taken.append(answer.lease)
        return taken

    return take


Credit = Callable[..., CreditLine]
Leases = Callable[[], list[Lease]]


def limits(advertiser: Advertiser) -> tuple[int | None, int]:
    row = BudgetScope.objects.get(advertiser_id=advertiser.pk, kind="balance")
    return row.limit_micros, row.credit_micros


def test_nothing_paid_and_no_credit_buys_nothing(bank: Bank, campaign: Campaign) -> None:
    assert bank.refusal(campaign.pk) == "exhausted"


def test_a_campaign_bids_on_credit_up_to_the_line(
    credit: Credit, leases: Leases, bank: Bank, campaign: Campaign
) -> None:
    credit(10)
    assert sum(lease.amount_micros for lease in leases()) == 10
    assert bank.refusal(campaign.pk) == "exhausted"


def test_lowering_the_line_recalls_what_is_out(
    credit: Credit, leases: Leases, bank: Bank, campaign: Campaign
) -> None:
    credit(10)
    out = leases()
    assert STORE.leases_to_recall("eu", NOW_MS) == {}
    assert credit(0).over_micros == 10
    ((incarnation, recalled),) = STORE.leases_to_recall("eu", NOW_MS).items()
    assert incarnation == bank.incarnation
    assert set(recalled) == {lease.id for lease in out}
    assert bank.refusal(campaign.pk) == "exhausted"


def test_what_was_spent_on_credit_is_owed(credit: Credit, leases: Leases, bank: Bank) -> None:
    credit(10)
    lease = leases()[0]
    bank.settle(debit(lease, 4))
    figures = balance(lease.advertiser)
    assert (figures.balance_micros, figures.credit_micros) == (-4, 10)
    assert (figures.limit_micros, figures.free_micros, figures.over_micros) == (10, 0, 0)


def test_payments_and_credit_add_up_in_any_order(credit: Credit, advertiser: Advertiser) -> None:
    credit(10)
    deposit(advertiser.pk, 500, "USD", "first")
    credit(30)
    assert limits(advertiser) == (530, 30)
    credit(0)
    assert limits(advertiser) == (500, 0)


def test_each_change_is_recorded_with_who_and_why(credit: Credit, advertiser: Advertiser) -> None:
    user = User.objects.create(email="fin@example.com", is_superuser=True)
    credit(10)
    set_credit_line(actor=user, advertiser_id=advertiser.pk, amount_micros=4, reason=" overdue ")
    newest, first = credit_changes(advertiser.pk)
    assert (first.requested_by, first.reason) == ("the platform", "contract 7")
    assert (newest.requested_by, newest.reason) == ("fin@example.com", "overdue")
    assert newest.details == {"before_micros": 10, "after_micros": 4, "committed_micros": 0}


def test_a_record_of_a_change_stays_as_it_is(credit: Credit) -> None:
    credit(10)
    with pytest.raises(DatabaseError), transaction.atomic():
        SignOff.objects.update(reason="another")


def test_an_unchanged_line_is_no_change(credit: Credit, advertiser: Advertiser) -> None:
    credit(10)
    credit(10)
    assert credit_changes(advertiser.pk).count() == 1


def test_another_advertisers_changes_are_not_shown(credit: Credit, advertiser: Advertiser) -> None:
    credit(10)
    assert not credit_changes(advertiser.pk * 10 + 1).exists()


@pytest.mark.parametrize("amount", [-1, CREDIT_MICROS_MAX + 1])
def test_amounts_out_of_range_are_refused(credit: Credit, amount: int) -> None:
    with pytest.raises(ValidationError) as refused:
        credit(amount)
    assert set(refused.value.message_dict) == {"amount_micros"}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_reason_is_asked_for(credit: Credit, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        credit(10, reason)
    assert set(refused.value.message_dict) == {"reason"}


def test_a_change_in_between_is_not_overwritten(credit: Credit, advertiser: Advertiser) -> None:
    credit(10)
    with pytest.raises(ValidationError):
        credit(20, expected_micros=0)
    assert limits(advertiser) == (10, 10)


def test_nobody_gives_their_own_advertiser_credit(advertiser: Advertiser) -> None:
    user = User.objects.create(email="owner@example.com")
    user.memberships.create(advertiser=advertiser, role="owner")
    with pytest.raises(PermissionDenied):
        set_credit_line(actor=user, advertiser_id=advertiser.pk, amount_micros=1, reason="mine")


def test_an_unknown_advertiser_gets_no_credit(db: None) -> None:
    with pytest.raises(Advertiser.DoesNotExist):
        set_credit_line(actor=SYSTEM, advertiser_id=999, amount_micros=1, reason="typo")
    assert not BudgetScope.objects.exists()
