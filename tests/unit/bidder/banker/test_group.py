"""The group: the order of a commit, and the order of entries in the stream."""

from random import Random

import pytest

from bidder.banker.book import LeaseBook
from bidder.banker.demand import Demand
from bidder.banker.group import Batch, Group, commit
from bidder.banker.outcomes import undecided_after
from rtbplatform.kernel import ipc, stream
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.protocol import ProtocolTimes
from tests.unit.bidder.banker.test_book import KEY, ME, NOW, SENT, lease, want


class Disk:
    """Writes down the order of what happens; may fail."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.batches: list[Batch] = []
        self.broken = False

    def commit(self, batch: Batch) -> None:
        if self.broken:
            raise OSError("fsync failed")
        self.order.append("commit")
        self.batches.append(batch)

    def acknowledge(self, connection: int, acks: ipc.Acks) -> None:
        self.order.append(f"ack {connection}")

    def entries(self) -> list[stream.Entry]:
        return [e for batch in self.batches for e in stream.chunk_entries(batch.chunk.payload)]


class Bank:
    def __init__(self) -> None:
        self.book = LeaseBook(ME, KEY)
        self.demand = Demand(ME, ProtocolTimes(), Random(1))
        self.group = Group(ME, self.book, self.demand)
        self.disk = Disk()

    def fund(self, amount: int = 100) -> None:
        self.group.lease_changes(self.book.accept(lease(amount=amount), SENT, NOW)[1], 0)

    def submit(self, amount: int, connection: int = 1) -> bytes:
        debit_id = uuid7(1)
        message = ipc.Submit(debit_id, 1, 1, 0, [want(amount)], b"event", [])
        assert self.group.submit(connection, message, NOW) is None
        return debit_id

    def commit(self) -> None:
        commit(self.group, self.disk, self.disk, NOW, 0)


@pytest.fixture
def bank() -> Bank:
    return Bank()


def names(entries: list[stream.Entry]) -> list[str]:
    return [type(entry).__name__.removesuffix("Entry") for entry in entries]


def test_nothing_is_acknowledged_before_the_commit(bank: Bank) -> None:
    bank.fund()
    bank.submit(10)
    assert bank.disk.order == []
    bank.commit()
    assert bank.disk.order == ["commit", "ack 1"]


def test_a_failed_commit_acknowledges_nothing(bank: Bank) -> None:
    bank.fund()
    bank.submit(10)
    bank.disk.broken = True
    with pytest.raises(OSError, match="fsync"):
        bank.commit()
    assert bank.disk.order == []


def test_an_empty_group_commits_nothing(bank: Bank) -> None:
    bank.commit()
    assert bank.disk.order == []


def test_the_acceptance_stands_before_the_debit_and_the_seal_after_it(bank: Bank) -> None:
    bank.fund()
    bank.submit(100)
    bank.commit()
    assert names(bank.disk.entries()) == ["Lease", "Auction", "Lease"]


def test_a_void_stands_before_the_debit_that_spends_it_again(bank: Bank) -> None:
    bank.fund()
    first = bank.submit(60)
    bank.group.outcomes(ipc.Outcomes([], [first]))
    bank.submit(90)
    bank.commit()
    assert names(bank.disk.entries())[:4] == ["Lease", "Auction", "Outcome", "Auction"]


def test_a_refusal_commits_nothing_and_asks_for_money(bank: Bank) -> None:
    bank.demand.enabled = True
    message = ipc.Submit(uuid7(1), 1, 1, 0, [want(10)], b"", [])
    refused = bank.group.submit(1, message, NOW)
    assert refused is not None
    assert refused.unfundable == [7]
    assert bank.group.is_empty
    assert [request.min_amount_micros for request in bank.group.requests] == [10]


def test_the_same_debit_id_is_never_debited_twice(bank: Bank) -> None:
    bank.fund()
    message = ipc.Submit(uuid7(1), 1, 1, 0, [want(10)], b"", [])
    assert bank.group.submit(1, message, NOW) is None
    assert bank.group.submit(1, message, NOW) is not None
    assert bank.book.fundable(7, NOW) == 90


def test_a_vanished_worker_leaves_unknown_what_it_was_told_and_void_what_not(bank: Bank) -> None:
    bank.fund()
    bank.submit(10)
    bank.commit()
    bank.submit(20)
    assert bank.group.worker_gone(1) == 1
    bank.commit()
    outcome = bank.disk.entries()[-1]
    assert isinstance(outcome, stream.OutcomeEntry)
    assert [one.seq for one in outcome.unknown] == [2]
    assert [one.seq for one in outcome.void] == [3]
    assert bank.book.fundable(7, NOW) == 90
    assert bank.disk.order == ["commit", "ack 1", "commit"]


def test_sent_is_recorded_in_bulk(bank: Bank) -> None:
    bank.fund()
    debits = [bank.submit(10), bank.submit(10)]
    bank.commit()
    for debit_id in debits:
        bank.group.outcomes(ipc.Outcomes([debit_id], []))
    bank.group.outcomes(ipc.Outcomes([debits[0], b"nobody knows this"], []))
    bank.commit()
    outcome = bank.disk.entries()[-1]
    assert isinstance(outcome, stream.OutcomeEntry)
    assert outcome.sent == [2, 3]


def test_the_undecided_mark_is_where_a_recovery_must_read_from(bank: Bank) -> None:
    bank.fund()
    first, second = bank.submit(10), bank.submit(10)
    bank.commit()
    assert bank.disk.batches[-1].undecided_from == 2
    bank.group.outcomes(ipc.Outcomes([first], []))
    bank.commit()
    assert bank.disk.batches[-1].undecided_from == 3
    assert [one.seq for one in undecided_after(1, bank.disk.entries())] == [3]
    bank.group.outcomes(ipc.Outcomes([], [second]))
    bank.commit()
    assert bank.disk.batches[-1].undecided_from == 6
    assert undecided_after(1, bank.disk.entries()) == []


def test_chunks_are_chained_and_gapless(bank: Bank) -> None:
    bank.fund()
    for _ in range(3):
        bank.submit(10)
        bank.commit()
    chunks = [batch.chunk for batch in bank.disk.batches]
    assert [chunk.first_seq for chunk in chunks] == [1, 3, 4]
    assert [chunk.prev_hash for chunk in chunks] == [
        stream.GENESIS_HASH,
        chunks[0].hash,
        chunks[1].hash,
    ]
    assert all(chunk.verify() for chunk in chunks)


def test_the_fence_is_the_last_entry(bank: Bank) -> None:
    bank.fund()
    bank.submit(10)
    bank.commit()
    bank.group.fence(0, "stopped")
    bank.commit()
    assert names(bank.disk.entries()) == ["Lease", "Auction", "Outcome", "Lease", "Fence"]
    assert bank.disk.batches[-1].fences
    last_lease = bank.disk.entries()[-2]
    assert isinstance(last_lease, stream.LeaseEntry)
    assert [(c.kind, c.spent_micros) for c in last_lease.changes] == [("sealed", 10)]


def test_events_notices_and_losses_ride_along(bank: Bank) -> None:
    key = stream.SubjectKey(b"k", b"s", b"w", 1)
    bank.group.record(ipc.Record(1, 1, 0, b"event", [key]))
    bank.group.notice(2, ipc.Notice(b"n", 1, 1, 0, b"d", b"event"))
    bank.group.lost(ipc.Lost(3, "too slow"), 0)
    bank.commit()
    assert names(bank.disk.entries()) == ["Auction", "Notice", "Loss"]
    assert stream.chunk_keys(bank.disk.batches[0].chunk.keys) == [key]
    assert bank.disk.order == ["commit", "ack 2"]


def test_a_group_is_full_by_entries_and_by_bytes(bank: Bank) -> None:
    for _ in range(199):
        bank.group.record(ipc.Record(1, 1, 0, b"", []))
    assert not bank.group.is_full
    bank.group.record(ipc.Record(1, 1, 0, b"", []))
    assert bank.group.is_full
    bank.commit()
    bank.group.record(ipc.Record(1, 1, 0, b"e" * 1024 * 1024, []))
    assert bank.group.is_full
