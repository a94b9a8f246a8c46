"""Settlement on real Postgres: exactly once, gapless, and stopped by what contradicts it (R1, R6, R8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from msgspec.structs import replace

from billing.audit.models import AuditChunk
from billing.escrow.models import Alarm, BudgetScope, CampaignDay, Incarnation, LeaseRow
from billing.ledger.models import Transaction
from billing.ledger.selectors import balance_micros, payable_micros
from campaigns.models import Campaign
from rtbplatform.kernel.stream import FenceEntry, LossEntry, Outcome, OutcomeEntry, make_chunk
from tests.integration.billing.bank import EXCHANGE, Bank, change, debit, line

pytestmark = pytest.mark.usefixtures("sound")
Day = Callable[[], CampaignDay]
STATEMENTS_MAX = 16
"""Savepoints of the tests included."""


def state_of(bank: Bank) -> str:
    return Incarnation.objects.get().state


def test_a_debit_is_settled_charged_and_acknowledged(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    settled = bank.settle(change("accepted", lease), debit(lease, 30))
    assert settled.cursor is not None
    assert (settled.cursor.settled_seq, settled.cursor.state) == (2, "open")
    assert (the_day().settled_micros, the_day().leased_micros) == (30, 170)
    assert balance_micros(campaign.advertiser_id) == 1_000_000 - 30
    assert payable_micros(EXCHANGE, "USD") == 30


def test_many_chunks_are_settled_in_one_transaction_and_posted_once(
    bank: Bank, campaign: Campaign
) -> None:
    lease = bank.lease(campaign.pk)
    chunks = [bank.chunk(debit(lease, 3)) for _ in range(20)]
    assert bank.take(chunks).entries == 20
    spend = Transaction.objects.get(kind="spend")
    assert (spend.amount_micros, spend.first_seq, spend.last_seq) == (-60, 1, 20)


def test_a_run_of_plain_debits_takes_few_statements_however_long_it_is(
    bank: Bank, campaign: Campaign, django_assert_max_num_queries: Callable[..., object]
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(change("accepted", lease), debit(lease, 1))
    chunks = [bank.chunk(*(debit(lease, 1) for _ in range(10))) for _ in range(10)]
    with django_assert_max_num_queries(STATEMENTS_MAX):  # type: ignore[attr-defined]
        bank.take(chunks)


def test_chunks_may_come_in_any_order(bank: Bank, campaign: Campaign, the_day: Day) -> None:
    lease = bank.lease(campaign.pk)
    first, second = bank.chunk(debit(lease, 1)), bank.chunk(debit(lease, 2))
    bank.take([second, first])
    assert the_day().settled_micros == 3


def test_duplicates_are_acknowledged_and_dropped(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    chunk = bank.chunk(debit(lease, 30))
    bank.take([chunk])
    again = bank.take([chunk])
    assert again.cursor is not None
    assert (again.cursor.settled_seq, again.entries) == (1, 0)
    assert the_day().settled_micros == 30


def test_a_gap_waits(bank: Bank, campaign: Campaign, the_day: Day) -> None:
    lease = bank.lease(campaign.pk)
    chunks = [bank.chunk(debit(lease, 1)) for _ in range(3)]
    settled = bank.take([chunks[0], chunks[2]])
    assert settled.waits
    assert settled.cursor is not None
    assert settled.cursor.settled_seq == 1
    bank.take(chunks[1:])
    assert the_day().settled_micros == 3


def test_an_unregistered_stream_is_not_settled(bank: Bank, campaign: Campaign) -> None:
    chunk = make_chunk(b"?" * 16, 1, 0, bytes(32), [LossEntry(0, 1, "")])
    assert bank.take([chunk]).cursor is None


def test_a_settled_number_with_another_hash_stops_the_stream(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 1))
    other = make_chunk(bank.incarnation, 1, 0, bytes(32), [debit(lease, 2)])
    settled = bank.take([other])
    assert settled.cursor is not None
    assert settled.cursor.state == state_of(bank) == "stopped"
    assert the_day().settled_micros == 1
    assert Alarm.objects.get().kind == "stream_stopped"


def test_two_chunks_for_one_place_stop_the_stream(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    chunk = bank.chunk(debit(lease, 1))
    other = make_chunk(bank.incarnation, 1, 0, bytes(32), [debit(lease, 2)])
    bank.take([chunk, other])
    assert state_of(bank) == "stopped"


def test_a_chunk_that_does_not_continue_the_chain_stops_the_stream(
    bank: Bank, campaign: Campaign
) -> None:
    bank.hash = b"x" * 32
    bank.settle(LossEntry(0, 1, ""))
    assert state_of(bank) == "stopped"


def test_a_chunk_whose_bytes_were_changed_stops_the_stream(bank: Bank, campaign: Campaign) -> None:
    chunk = bank.chunk(LossEntry(0, 1, ""))
    bank.take([replace(chunk, payload=chunk.payload + b"!")])
    assert state_of(bank) == "stopped"


def test_what_stands_before_a_contradiction_is_settled(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    chunks = [bank.chunk(debit(lease, 40)), bank.chunk(debit(lease, 161)), bank.chunk()]
    settled = bank.take(chunks[:2])
    assert settled.cursor is not None
    assert (settled.cursor.settled_seq, settled.cursor.state) == (1, "stopped")
    assert the_day().settled_micros == 40
    assert "beyond its amount" in Incarnation.objects.get().alarm


def test_nothing_is_released_from_a_stopped_stream(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 201))
    bank.settle(change("sealed", lease, 201))
    assert the_day().leased_micros == 200


def test_a_lease_of_another_incarnation_cannot_be_debited(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    thief = Bank(bank.office, bank.advertiser, bank.now_ms, incarnation=b"2" * 16).register()
    thief.settle(debit(lease, 1))
    assert Incarnation.objects.get(id=thief.incarnation.hex()).state == "stopped"
    assert the_day().settled_micros == 0


def test_a_sealed_lease_returns_its_remainder_to_its_region(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30), change("sealed", lease, 30))
    day = the_day()
    assert (day.settled_micros, day.leased_micros, day.allocated_micros) == (30, 0, 170)


def test_a_tombstoned_lease_returns_whole(bank: Bank, campaign: Campaign, the_day: Day) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(change("tombstoned", lease))
    assert (the_day().allocated_micros, the_day().leased_micros) == (200, 0)


def test_a_void_before_the_seal_is_back_on_its_lease(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    bank.settle(OutcomeEntry([], [Outcome(1, EXCHANGE, [line(lease, 30)])], []))
    assert (the_day().settled_micros, the_day().leased_micros) == (0, 200)
    assert balance_micros(campaign.advertiser_id) == 1_000_000


def test_a_void_after_the_seal_is_back_on_the_campaign_day(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30), change("sealed", lease, 30))
    bank.settle(OutcomeEntry([], [Outcome(1, EXCHANGE, [line(lease, 30)])], []))
    assert (the_day().settled_micros, the_day().allocated_micros) == (0, 200)
    assert LeaseRow.objects.get().returned_micros == 200


def test_a_void_that_comes_twice_stops_the_stream(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    outcome = OutcomeEntry([], [Outcome(1, EXCHANGE, [line(lease, 30)])], [])
    bank.settle(debit(lease, 30), debit(lease, 30))
    bank.settle(outcome)
    bank.settle(outcome)
    assert state_of(bank) == "stopped"
    assert the_day().settled_micros == 30


def test_an_unknown_answer_stays_spent(bank: Bank, campaign: Campaign, the_day: Day) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    bank.settle(OutcomeEntry([], [], [Outcome(1, EXCHANGE, [line(lease, 30)])]))
    assert (the_day().settled_micros, the_day().unknown_micros) == (30, 30)


def test_a_fence_returns_what_is_left_and_closes_the_stream(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease, _unaccepted = bank.lease(campaign.pk), bank.lease(campaign.pk)
    settled = bank.settle(debit(lease, 30), FenceEntry(0, "recovered"))
    assert settled.cursor is not None
    assert settled.cursor.state == "closed"
    assert (the_day().leased_micros, the_day().allocated_micros) == (0, 370)
    assert set(LeaseRow.objects.values_list("state", flat=True)) == {"fenced"}


def test_after_a_fence_nothing_is_taken(bank: Bank, campaign: Campaign) -> None:
    bank.settle(FenceEntry(0, "recovered"))
    bank.settle(LossEntry(0, 1, ""))
    assert Incarnation.objects.get().settled_seq == 1


def test_a_settled_chunk_is_kept_as_it_was_committed(bank: Bank, campaign: Campaign) -> None:
    chunk = bank.chunk(debit(bank.lease(campaign.pk), 1))
    bank.take([chunk])
    row = AuditChunk.objects.get()
    assert (bytes(row.payload), bytes(row.hash)) == (chunk.payload, chunk.hash)


def test_the_scopes_keep_what_is_spent(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30), change("sealed", lease, 30))
    assert BudgetScope.objects.get(kind="balance").committed_micros == 200


@pytest.mark.parametrize("term", ["available", "leased", "settled"])
def test_the_database_refuses_a_day_that_does_not_add_up(campaign: Campaign, term: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CampaignDay.objects.update(**{f"{term}_micros": 5})
