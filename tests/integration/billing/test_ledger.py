"""The ledger on real Postgres: balanced, append-only, numbered without gaps, idempotent by reference (E7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.escrow.models import BudgetScope
from billing.ledger import selectors
from billing.ledger.accounts import account_ids, cash, prepaid
from billing.ledger.deposits import DepositError, deposit
from billing.ledger.models import Account, Posting, Transaction
from billing.ledger.post import Draft, post, spend
from campaigns.models import Advertiser

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def draft(advertiser: int, amount: int, *, exchange: int = 5, is_loss: bool = False) -> Draft:
    return spend(
        advertiser,
        "USD",
        amount,
        campaign_id=2,
        day=3,
        exchange_id=exchange,
        incarnation=b"i" * 16,
        first_seq=1,
        last_seq=2,
        is_loss=is_loss,
    )


def test_a_deposit_raises_the_balance_and_what_may_be_committed(advertiser: Advertiser) -> None:
    deposit(advertiser.pk, 500, "USD", "second")
    assert selectors.balance_micros(advertiser.pk) == 1_000_500
    assert BudgetScope.objects.get(kind="balance").limit_micros == 1_000_500


def test_a_deposit_is_posted_once_per_reference(advertiser: Advertiser) -> None:
    first = deposit(advertiser.pk, 500, "USD", "second")
    assert deposit(advertiser.pk, 500, "USD", "second") == first
    assert selectors.balance_micros(advertiser.pk) == 1_000_500
    assert BudgetScope.objects.get(kind="balance").limit_micros == 1_000_500


@pytest.mark.parametrize(
    ("amount", "currency", "reference", "sentence"),
    [
        (0, "USD", "x", "must be positive"),
        (-5, "USD", "x", "must be positive"),
        (5, "USD", "", "needs the payment's reference"),
        (5, "USD", "first", "was used for another deposit"),
        (1_000_000, "EUR", "first", "was used for another deposit"),
    ],
)
def test_a_wrong_deposit_is_refused_with_a_sentence(
    advertiser: Advertiser, amount: int, currency: str, reference: str, sentence: str
) -> None:
    with pytest.raises(DepositError, match=sentence):
        deposit(advertiser.pk, amount, currency, reference)


def test_spend_moves_from_the_advertiser_to_the_exchange(advertiser: Advertiser) -> None:
    post([draft(advertiser.pk, 30)], AT)
    assert selectors.balance_micros(advertiser.pk) == 1_000_000 - 30
    assert selectors.payable_micros(5, "USD") == 30


def test_a_negative_spend_gives_back(advertiser: Advertiser) -> None:
    post([draft(advertiser.pk, 30), draft(advertiser.pk, -10)], AT)
    assert selectors.payable_micros(5, "USD") == 20


def test_a_loss_is_paid_by_the_platform(advertiser: Advertiser) -> None:
    post([draft(advertiser.pk, 30, is_loss=True)], AT)
    assert selectors.balance_micros(advertiser.pk) == 1_000_000
    assert selectors.loss_micros("USD") == 30


def test_transactions_are_numbered_per_advertiser_without_gaps(advertiser: Advertiser) -> None:
    drafts = [draft(advertiser.pk, 1), draft(77, 1), draft(advertiser.pk, 1)]
    assert post(drafts, AT) == [2, 1, 3]


def test_posting_nothing_writes_nothing(db: None) -> None:
    assert post([], AT) == []


def test_a_draft_that_does_not_balance_is_refused(advertiser: Advertiser) -> None:
    lines = ((cash("USD"), 5), (prepaid("USD", 1), -4))
    wrong = Draft(advertiser_id=1, kind="deposit", currency="USD", amount_micros=5, lines=lines)
    with pytest.raises(ValueError, match="does not sum to zero"):
        post([wrong], AT)


@transaction.atomic
def insert_by_hand(advertiser: Advertiser, currency: str, *amounts: int) -> None:
    """Postings that the service would refuse."""
    account = account_ids([cash("USD")])[cash("USD")]
    for line, amount in enumerate(amounts):
        Posting.objects.create(
            advertiser_id=advertiser.pk,
            transaction_no=99,
            line=line,
            account_id=account,
            currency=currency,
            amount_micros=amount,
        )


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_an_unbalanced_transaction_at_commit(advertiser: Advertiser) -> None:
    with pytest.raises(IntegrityError, match="does not sum to zero"):
        insert_by_hand(advertiser, "USD", 5)


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_a_posting_in_another_currency_than_its_account(
    advertiser: Advertiser,
) -> None:
    with pytest.raises(IntegrityError, match="posting_in_accounts_currency"):
        insert_by_hand(advertiser, "EUR", 5, -5)


@pytest.mark.parametrize("table", ["ledger_transaction", "ledger_posting"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET advertiser_id = 1"])
def test_ledger_rows_are_never_changed_not_even_by_a_superuser(
    advertiser: Advertiser, table: str, statement: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.parametrize("table", ["ledger_transaction", "ledger_posting"])
@pytest.mark.parametrize("statement", ["TRUNCATE {}", "TRUNCATE {} CASCADE"])
def test_the_ledger_cannot_be_emptied_not_even_by_a_superuser(
    advertiser: Advertiser, table: str, statement: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Tests' cleaning up has switched these triggers off.
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    refusal = pytest.raises(DatabaseError, match="is append-only")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.django_db(transaction=True)
def test_a_posting_written_by_hand_beside_a_balanced_transaction_is_refused(
    advertiser: Advertiser,
) -> None:
    refusal = pytest.raises(IntegrityError, match="does not sum to zero")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_posting (advertiser_id, transaction_no, line, account_id, currency, amount_micros) "
            "SELECT advertiser_id, transaction_no, 9, account_id, currency, 1 FROM ledger_posting WHERE line = 0"
        )


def test_ledger_entries_are_filtered_and_newest_first(advertiser: Advertiser) -> None:
    post([draft(advertiser.pk, 30)], AT)
    post([draft(advertiser.pk, 10)], AT + timedelta(hours=1))
    assert [entry.no for entry in selectors.ledger_entries(advertiser.pk)] == [3, 2, 1]
    spends = selectors.ledger_entries(advertiser.pk, campaign_id=2, kind="spend")
    late = spends.filter(posted_at__gte=AT + timedelta(hours=1))
    assert [entry.amount_micros for entry in late] == [-10]
    window = selectors.ledger_entries(advertiser.pk, since=AT, until=AT + timedelta(minutes=1))
    assert [entry.amount_micros for entry in window] == [-30]


def test_an_entrys_postings_name_their_accounts(advertiser: Advertiser) -> None:
    kinds = [posting.account.kind for posting in selectors.postings_of(advertiser.pk, 1)]
    assert kinds == [Account.Kind.CASH, Account.Kind.PREPAID]


def test_spend_is_summed_per_interval(advertiser: Advertiser) -> None:
    for minutes, amount in ((0, 1), (4, 2), (5, 4), (61, 8)):
        post([draft(advertiser.pk, amount)], AT + timedelta(minutes=minutes))
    series = selectors.spend_series(2, AT, AT + timedelta(hours=1))
    assert [(one.starts_at, one.amount_micros) for one in series] == [
        (AT, 3),
        (AT + timedelta(minutes=5), 4),
    ]


def test_accounts_are_made_once(db: None) -> None:
    wanted = [cash("USD"), prepaid("USD", 1)]
    assert account_ids(wanted) == account_ids(wanted)
    assert Account.objects.count() == 2


def test_every_transaction_says_where_its_entries_are(advertiser: Advertiser) -> None:
    post([draft(advertiser.pk, 30)], AT)
    row = Transaction.objects.get(kind="spend")
    assert (row.incarnation_id and row.incarnation_id.bytes, row.first_seq, row.last_seq) == (
        b"i" * 16,
        1,
        2,
    )
