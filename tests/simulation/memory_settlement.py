"""`billing.escrow.store.SettlementStore` in memory: audit trail, orphans and postings on top of escrow's rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy

from django.db import IntegrityError
from msgspec.structs import replace

from billing.escrow.store import EarlierDebit, Orphan, Spend, SpendKey
from billing.escrow.values import Hold, Key, LeaseState
from rtbplatform.kernel.stream import AuctionEntry, Chunk, Entry, OutcomeEntry
from tests.simulation.database import Parked
from tests.simulation.memory_store import MemoryEscrow


class MemoryStore(MemoryEscrow):
    """All of SettlementStore."""

    def stored_hashes(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, bytes]:
        chunks = self.db.chunks
        return {
            seq: chunks[incarnation, seq][0].hash for seq in seqs if (incarnation, seq) in chunks
        }

    def debits(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, EarlierDebit]:
        known = self.db.debits
        return {
            seq: EarlierDebit(
                entry.debit_id, entry.lines, entry.hold_ms, (incarnation, seq) in self.db.resolved
            )
            for seq in seqs
            if (entry := known.get((incarnation, seq))) is not None
        }

    def keep_chunks(
        self, region: str, chunks: Sequence[Chunk], entries: Sequence[Sequence[Entry]]
    ) -> None:
        db = self.db
        for chunk, its in zip(chunks, entries, strict=True):
            if (chunk.incarnation, chunk.first_seq) in db.chunks:
                raise IntegrityError(f"chunk {chunk.first_seq} is kept already")
            self._put(db.chunks, (chunk.incarnation, chunk.first_seq), (chunk, its))
            for seq, entry in enumerate(its, chunk.first_seq):
                if isinstance(entry, AuctionEntry):
                    if entry.lines:
                        self._put(db.debits, (chunk.incarnation, seq), entry)
                elif isinstance(entry, OutcomeEntry):
                    for outcome in (*entry.void, *entry.unknown):
                        self._put(db.resolved, (chunk.incarnation, outcome.seq), seq)

    def post_spends(
        self,
        incarnation: bytes,
        spends: Mapping[SpendKey, Spend],
        currencies: Mapping[Key, str],
        *,
        is_loss: bool = False,
    ) -> None:
        table = self.db.losses if is_loss else self.db.spent
        for place, spend in spends.items():
            assert currencies[place[:3]]
            if spend.amount:
                self.db.add(table, place, spend.amount)

    def orphans(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], list[Orphan]]:
        wanted = set(debit_ids)
        found: dict[tuple[bytes, int], list[Orphan]] = {}
        for parked in sorted(self._parked(), key=lambda one: one.no):
            orphan = parked.orphan
            if orphan.debit_id in wanted:
                found.setdefault((orphan.debit_id, orphan.claim.imp), []).append(orphan)
        return found

    def orphans_of_leases(self, leases: Collection[bytes]) -> list[Orphan]:
        wanted = set(leases)
        parked = sorted(self._parked(), key=lambda one: one.no)
        return [one.orphan for one in parked if one.orphan.claim.lease in wanted]

    def park(self, incarnation: bytes, orphans: Sequence[Orphan]) -> None:
        db = self.db
        for orphan in orphans:
            key = (orphan.debit_id, orphan.claim.imp, orphan.claim.kind)
            known: Parked | None = db.orphans.get(key)
            if known is None:
                self._put(db.orphans, key, Parked(orphan, incarnation, len(db.orphans)))
            elif known.is_taken:
                self._put(db.orphans, key, replace(known, is_taken=False))

    def take_orphans(self, orphans: Sequence[Orphan]) -> None:
        for orphan in orphans:
            key = (orphan.debit_id, orphan.claim.imp, orphan.claim.kind)
            if key in self.db.orphans:
                self._put(self.db.orphans, key, replace(self.db.orphans[key], is_taken=True))

    def quarantined_leases(self, incarnation: bytes) -> list[LeaseState]:
        found = [
            copy(one)
            for one in self.db.leases.values()
            if one.incarnation == incarnation and one.state == "quarantined"
        ]
        return sorted(found, key=lambda one: one.id)

    def holds_from_quarantine(self, incarnation: bytes) -> list[Hold]:
        return [
            copy(one)
            for one in self.db.holds.values()
            if one.incarnation == incarnation and not one.seq
        ]

    def _parked(self) -> list[Parked]:
        return [one for one in self.db.orphans.values() if not one.is_taken]
