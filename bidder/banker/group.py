"""Group commit: everything decided since the last one becomes durable together, and only then is anyone told.

The order is the promise (E5): check, debit in the book, write chunk and lease rows in one transaction, fsync,
acknowledge. `commit` is that order as plain code; a commit that fails is not answered and ends the process, because the
page cache after a failed fsync is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from bidder.banker.book import LeaseBook
from bidder.banker.demand import Demand
from bidder.banker.leases import HighWaterRow, LeaseRow
from bidder.banker.outcomes import Debits, Undecided
from rtbplatform.kernel import ipc
from rtbplatform.kernel.stream import (
    GENESIS_HASH,
    AuctionEntry,
    Chunk,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    LossEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
    SubjectKey,
    make_chunk,
)
from rtbplatform.kernel.wire import LeaseRequest

ENTRIES_MAX = 200
BYTES_MAX = 1024 * 1024


class Batch(msgspec.Struct, frozen=True):
    """What one transaction writes."""

    chunk: Chunk
    leases: list[LeaseRow]
    high_waters: list[HighWaterRow]
    undecided_from: int
    """The first seq whose debit has no outcome after this chunk; the next seq when there is none."""
    fences: bool = False


class Outbox(Protocol):
    def commit(self, batch: Batch) -> None:
        """Durable when it returns. Raises when it may not be."""


class Replies(Protocol):
    def acknowledge(self, connection: int, acks: ipc.Acks) -> None:
        """Tells a worker; one that is gone is no error."""


class Group:
    """The stream's open end: decisions taken, not yet durable."""

    def __init__(self, incarnation: bytes, book: LeaseBook, demand: Demand) -> None:
        self._incarnation = incarnation
        self._book = book
        self._demand = demand
        self.debits = Debits()
        self.durable_seq = 0
        self._hash = GENESIS_HASH
        self._entries: list[Entry] = []
        self._keys: list[SubjectKey] = []
        self._sent: list[int] = []
        self._acks: dict[int, ipc.Acks] = {}
        self._paid: dict[int, None] = {}
        self._bytes = 0
        self._fences = False
        self._mark_no = 0
        self._mark_seq = 0
        """Where the newest mark stands in the stream."""
        self.takes_claims = False
        """Whether the treasury knows this incarnation: a mark waits for the notices of those that it knows only."""
        self.requests: list[LeaseRequest] = []
        """Lease requests that debits and refusals made due: to be posted, and cleared."""

    @property
    def is_full(self) -> bool:
        return len(self._entries) >= ENTRIES_MAX or self._bytes >= BYTES_MAX

    @property
    def is_empty(self) -> bool:
        return not self._entries and not self._sent

    @property
    def is_fenced(self) -> bool:
        """Whether this stream has its last entry, be it durable or not."""
        return self._fences

    @property
    def next_seq(self) -> int:
        return self.durable_seq + len(self._entries) + 1

    def submit(self, connection: int, message: ipc.Submit, boot_ms: int) -> ipc.Refused | None:
        """Checks and debits; the refusal to send at once, or None when the acknowledgement comes with the commit."""
        if message.debit_id in self.debits:
            # An attempt has its own id; the same id twice is a broken worker, and never a second debit.
            return ipc.Refused(message.debit_id, [want.campaign for want in message.wants])
        lines, unfundable = self._book.debit(message.wants, boot_ms)
        if unfundable:
            self._starved(message.wants, unfundable, boot_ms)
            return ipc.Refused(message.debit_id, unfundable)
        for line in lines:
            self._demand.debited(line.advertiser, line.campaign, line.amount_micros, boot_ms)
            self._paid[line.campaign] = None
        is_held = message.hold_ms > 0
        self.debits.add(
            message.debit_id,
            Undecided(self.next_seq, message.exchange, connection, lines, is_held),
        )
        self._add(
            AuctionEntry(
                message.request_hash,
                message.exchange,
                message.at_ms,
                message.debit_id,
                lines,
                message.event,
                message.hold_ms,
            ),
            len(message.event),
            message.keys,
        )
        self._acks_of(connection).debits.append(ipc.Committed(message.debit_id, lines))
        return None

    def record(self, message: ipc.Record) -> None:
        """An event without money."""
        entry = AuctionEntry(
            message.request_hash, message.exchange, message.at_ms, b"", [], message.event
        )
        self._add(entry, len(message.event), message.keys)

    def notice(self, connection: int, message: ipc.Notice) -> ipc.Declined | None:
        """A notice: None when it is acknowledged with the commit; declined at once when it moves money and no mark of
        the treasury would wait for it."""
        if message.claim is not None and not self.takes_claims:
            return ipc.Declined(message.notice_id)
        entry = NoticeEntry(
            message.request_hash,
            message.exchange,
            message.at_ms,
            message.debit_id,
            message.event,
            message.claim,
        )
        self._add(entry, len(message.event))
        self._acks_of(connection).notices.append(message.notice_id)
        return None

    def outcomes(self, message: ipc.Outcomes) -> None:
        """R8. What is void is credited here, and stands in the stream before whatever spends it again."""
        self._sent += self.debits.sent(message.sent)
        void, late = self.debits.given_up(message.void, self._mark_seq)
        unknown = self.debits.not_sent(message.unknown) + late
        if void or unknown:
            self._void(void, unknown)

    def worker_gone(self, connection: int) -> int:
        """Its debits are UNKNOWN, but for those it was never told of: how many are unknown."""
        self._acks.pop(connection, None)
        void, unknown = self.debits.connection_ended(connection, self.durable_seq)
        if void or unknown:
            self._void(void, unknown)
        return len(unknown)

    def lost(self, message: ipc.Lost, wall_ms: int) -> None:
        """Events that a worker had to drop, counted."""
        self._add(LossEntry(wall_ms, message.dropped, message.reason), 0)

    def lease_changes(self, changes: list[LeaseChange], wall_ms: int) -> None:
        """Leases accepted, sealed, tombstoned: in the stream where they happened among the debits."""
        if not changes:
            return
        last = self._entries[-1] if self._entries else None
        if isinstance(last, LeaseEntry):
            last.changes.extend(changes)
        else:
            self._add(LeaseEntry(wall_ms, list(changes)), 0)

    def mark(self, no: int, epoch: int, wall_ms: int) -> bool:
        """A mark of the treasury, after everything accepted so far, once: whether it raised the epoch (a census).

        A restored treasury may count from lower numbers again, but under a higher epoch."""
        if (epoch, no) <= (self._book.epoch, self._mark_no) or self._fences:
            return False
        self._mark_no = no
        self._flush_sent()
        self._mark_seq = self.next_seq
        self._add(MarkEntry(wall_ms, no, epoch), 0)
        return self._book.raise_epoch(epoch)

    def fence(self, wall_ms: int, reason: str) -> None:
        """The last entries of this life: nothing is debited after them."""
        unknown = self.debits.take_all()
        if unknown:
            self._void([], unknown)
        self.lease_changes(self._book.seal_all(), wall_ms)
        self._flush_sent()
        self._add(FenceEntry(wall_ms, reason), 0)
        self._fences = True

    def close(self, boot_ms: int, wall_ms: int) -> Batch | None:
        """The batch to commit: seals first what is due or too small. None when nothing happened."""
        changes = self._book.tick(boot_ms)
        for campaign in self._paid:
            smallest = self._demand.smallest_micros(campaign)
            changes += self._book.seal_remainders(campaign, smallest, boot_ms)
            self._ask(campaign, boot_ms)
        self._paid.clear()
        self.lease_changes(changes, wall_ms)
        self._flush_sent()
        if not self._entries:
            return None
        chunk = make_chunk(
            self._incarnation,
            self.durable_seq + 1,
            wall_ms,
            self._hash,
            self._entries,
            self._keys,
        )
        leases, high_waters = self._book.take_rows()
        first = self.debits.first_seq(none=chunk.last_seq + 1)
        return Batch(chunk, leases, high_waters, first, self._fences)

    def committed(self, batch: Batch) -> dict[int, ipc.Acks]:
        """The batch is durable: what each worker may be told."""
        self.durable_seq, self._hash = batch.chunk.last_seq, batch.chunk.hash
        acks, self._acks = self._acks, {}
        self._entries, self._keys, self._bytes = [], [], 0
        return acks

    def _void(self, void: Iterable[Outcome], unknown: list[Outcome]) -> None:
        for outcome in void:
            self._book.void(outcome.lines)
        self._add(OutcomeEntry(self._take_sent(), list(void), unknown), 0)

    def _starved(self, wants: list[ipc.Want], unfundable: list[int], boot_ms: int) -> None:
        """A refusal is demand too: what is held here may be less than one bid."""
        for want in wants:
            if want.campaign in unfundable and want.amount_micros > 0:
                self._demand.wanted(want.advertiser, want.campaign, want.amount_micros, boot_ms)
                self._ask(want.campaign, boot_ms)

    def _ask(self, campaign: int, boot_ms: int) -> None:
        request = self._demand.due(campaign, self._book.standing(campaign), boot_ms)
        if request is not None:
            self.requests.append(request)

    def _flush_sent(self) -> None:
        if self._sent:
            self._add(OutcomeEntry(self._take_sent(), [], []), 0)

    def _take_sent(self) -> list[int]:
        sent, self._sent = self._sent, []
        return sent

    def _acks_of(self, connection: int) -> ipc.Acks:
        acks = self._acks.get(connection)
        if acks is None:
            acks = self._acks[connection] = ipc.Acks([], [])
        return acks

    def _add(self, entry: Entry, size_bytes: int, keys: Iterable[SubjectKey] = ()) -> None:
        self._entries.append(entry)
        self._keys.extend(keys)
        self._bytes += size_bytes


def commit(
    group: Group, outbox: Outbox, replies: Replies, boot_ms: int, wall_ms: int
) -> Batch | None:
    """One group commit, in the order that E5 rests on. What `outbox.commit` raises must end the process."""
    batch = group.close(boot_ms, wall_ms)
    if batch is None:
        return None
    outbox.commit(batch)
    for connection, acks in group.committed(batch).items():
        replies.acknowledge(connection, acks)
    return batch
