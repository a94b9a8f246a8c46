"""What stands on all disks together: debits, what leases spent, seals and fences - read from every chunk as it is written."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from rtbplatform.kernel.stream import (
    AuctionEntry,
    Chunk,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseEntry,
    Outcome,
    OutcomeEntry,
    chunk_entries,
)
from tests.simulation.database import Database
from tests.simulation.world import Violation, World


class Debit(Struct):
    """A debit that stands in an outbox."""

    id: bytes
    incarnation: bytes
    seq: int
    exchange: int
    lines: list[DebitLine]
    hold_ms: int
    outcome: str = ""
    """void | unknown, once its stream says so"""


class DiskTruth:
    """Checks E3 and E8 at every commit of an outbox."""

    def __init__(self, world: World, db: Database) -> None:
        self.world, self.db = world, db
        self.debits: dict[bytes, Debit] = {}
        self.by_seq: dict[tuple[bytes, int], Debit] = {}
        self.spent: dict[bytes, int] = {}
        """By lease: debited and not void, as its outbox says."""
        self.sealed: dict[bytes, int] = {}
        """Lease -> seq of its seal or tombstone."""
        self.fenced: dict[bytes, int] = {}
        """Incarnation -> seq of its fence."""
        self.granted: dict[bytes, Any] = {}
        """Every lease that any history of the database has granted: lease -> kernel.Lease."""
        self.entries: dict[bytes, list[Entry]] = {}
        """By the hash of a chunk."""
        self.decoded: dict[bytes, list[Entry]] = {}
        """By payload: settlement decodes the same bytes again, and they are pure values."""
        self.bankers: dict[bytes, Any] = {}
        """Incarnation -> the process, dead or alive."""
        self.files: dict[bytes, Any] = {}

    def written(self, file: Any, chunk: Chunk) -> None:
        """A chunk stands in an outbox (E3, E8)."""
        self.files[chunk.incarnation] = file
        entries = chunk_entries(chunk.payload)
        self.entries[chunk.hash] = self.decoded[chunk.payload] = entries
        self._check_chain(file, chunk)
        for seq, entry in enumerate(entries, chunk.first_seq):
            if isinstance(entry, AuctionEntry):
                if entry.lines:
                    self._debit(chunk.incarnation, seq, entry)
            elif isinstance(entry, OutcomeEntry):
                for outcome in entry.void:
                    self.by_seq[chunk.incarnation, outcome.seq].outcome = "void"
                    for line in outcome.lines:
                        self.spent[line.lease] -= line.amount_micros
                for outcome in entry.unknown:
                    self.by_seq[chunk.incarnation, outcome.seq].outcome = "unknown"
            elif isinstance(entry, LeaseEntry):
                self._lease_entry(chunk.incarnation, seq, entry)
            elif isinstance(entry, FenceEntry):
                self.fenced[chunk.incarnation] = seq

    def _lease_entry(self, incarnation: bytes, seq: int, entry: LeaseEntry) -> None:
        for change in entry.changes:
            if change.kind != "accepted":
                self.sealed[change.lease] = seq
            elif change.lease not in self.db.leases:
                self._accepts_lost(incarnation, change.lease)

    def _accepts_lost(self, incarnation: bytes, lease_id: bytes) -> None:
        """A grant that the database has lost arrives: after the census nobody counts on it (E4)."""
        db = self.db
        newest, known = db.newest_census(), db.incarnations.get(incarnation)
        is_over = newest is not None and newest.is_complete and newest.server == db.server()
        if db.is_up and is_over and known is not None and known.state == "open":
            raise Violation("E4", f"accepted after {newest}", (lease_id,))

    def _debit(self, incarnation: bytes, seq: int, entry: AuctionEntry) -> None:
        debit = Debit(
            *(entry.debit_id, incarnation, seq, entry.exchange, entry.lines, entry.hold_ms)
        )
        if entry.debit_id in self.debits:
            raise Violation("E6", "a debit id stands in outboxes twice", (entry.debit_id,))
        self.debits[entry.debit_id] = self.by_seq[incarnation, seq] = debit
        for line in entry.lines:
            lease = self.granted.get(line.lease)
            spent = self.spent.get(line.lease, 0) + line.amount_micros
            self.spent[line.lease] = spent
            if lease is None or lease.incarnation != incarnation or line.lease in self.sealed:
                raise Violation("E3", "a debit on a lease that is not there", (line.lease,))
            if spent > lease.amount_micros or lease.day != line.day:
                raise Violation("E3", f"{spent} debited on {lease}", (line.lease,))

    def _check_chain(self, file: Any, chunk: Chunk) -> None:
        before = file.chunks[-2][0] if len(file.chunks) > 1 else None
        seq, digest = (before.last_seq, before.hash) if before else (0, bytes(32))
        if chunk.first_seq != seq + 1 or chunk.prev_hash != digest:
            raise Violation("E8", f"a stream has a gap at {chunk.first_seq}", (chunk.incarnation,))

    def unwritten(self, file: Any, chunk: Chunk) -> None:
        """A power cut has taken a chunk that was not fsynced."""
        for seq, entry in enumerate(self.entries[chunk.hash], chunk.first_seq):
            if isinstance(entry, AuctionEntry) and entry.lines:
                del self.debits[entry.debit_id], self.by_seq[chunk.incarnation, seq]
                for line in entry.lines:
                    self.spent[line.lease] -= line.amount_micros
            elif isinstance(entry, OutcomeEntry):
                for outcome in (*entry.void, *entry.unknown):
                    self._undecide(chunk.incarnation, outcome)
            elif isinstance(entry, LeaseEntry):
                for change in entry.changes:
                    if self.sealed.get(change.lease) == seq:
                        del self.sealed[change.lease]
            elif isinstance(entry, FenceEntry):
                self.fenced.pop(chunk.incarnation, None)

    def _undecide(self, incarnation: bytes, outcome: Outcome) -> None:
        debit = self.by_seq.get((incarnation, outcome.seq))
        if debit is None:
            return
        if debit.outcome == "void":
            for line in outcome.lines:
                self.spent[line.lease] += line.amount_micros
        debit.outcome = ""
