"""Where a stream stands, which of the chunks at hand follow it, and what the fold needs to know of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from msgspec import Struct

from billing.escrow.repository import fetch
from billing.settlement.fold import (
    LeaseState,
    Numbered,
    StreamState,
    has_fence,
    leases_named,
    outcomes_named,
)
from rtbplatform.kernel.stream import AuctionEntry, Chunk, DebitLine, OutcomeEntry, chunk_entries


class Stop(Exception):  # noqa: N818 - it stops the stream
    """A chunk that cannot be part of this stream."""


class Position(Struct, frozen=True):
    incarnation: bytes
    state: str
    seq: int
    hash: bytes


class Run(Struct, frozen=True):
    chunks: list[Chunk]
    waits: bool


def choose_run(position: Position, chunks: Sequence[Chunk]) -> Run:
    """The chunks that follow the cursor without a gap. Raises Stop for one that contradicts the stream."""
    run: list[Chunk] = []
    seq, previous = position.seq, position.hash
    settled: dict[int, bytes] = {}
    for chunk in sorted(chunks, key=lambda one: one.first_seq):
        if chunk.count < 1 or not chunk.verify():
            raise Stop(f"the hash of chunk {chunk.first_seq} is not that of its bytes")
        if chunk.first_seq <= position.seq:
            settled[chunk.first_seq] = chunk.hash
        elif chunk.first_seq <= seq:
            if all(one.hash != chunk.hash for one in run):
                raise Stop(f"two chunks claim entry {chunk.first_seq}")
        elif chunk.first_seq > seq + 1:
            _check_settled(position, settled)
            return Run(run, waits=True)
        elif chunk.prev_hash != previous:
            raise Stop(f"chunk {chunk.first_seq} does not continue the settled chain")
        else:
            run.append(chunk)
            seq, previous = chunk.last_seq, chunk.hash
    _check_settled(position, settled)
    return Run(run, waits=False)


def _check_settled(position: Position, hashes: dict[int, bytes]) -> None:
    """Chunks that come again must be those that were settled: one number with two hashes stops the stream (R6)."""
    if not hashes:
        return
    rows = fetch(
        "SELECT first_seq, hash FROM audit_chunk WHERE incarnation_id = %s AND first_seq = ANY(%s)",
        [uuid.UUID(bytes=position.incarnation), list(hashes)],
    )
    stored = {row[0]: bytes(row[1]) for row in rows}
    for seq, digest in hashes.items():
        if stored.get(seq) != digest:
            raise Stop(f"chunk {seq} came again with another hash than the settled one")


def load_state(incarnation: bytes, chunks: Sequence[Numbered]) -> StreamState:
    """The stream's leases and debits that these chunks name. The incarnation's row must be locked."""
    return StreamState(
        _leases(incarnation, chunks),
        *_debits(incarnation, outcomes_named(chunks), chunks[0].first_seq),
    )


def _leases(incarnation: bytes, chunks: Sequence[Numbered]) -> dict[bytes, LeaseState]:
    named = [uuid.UUID(bytes=one) for one in leases_named(chunks) if len(one) == 16]
    rows = fetch(
        """
        SELECT id, advertiser_id, campaign_id, day, region, amount_micros, settled_micros, returned_micros, state,
            is_accepted
        FROM escrow_lease WHERE incarnation_id = %s AND (id = ANY(%s) OR (%s AND state = 'open'))
        """,
        [uuid.UUID(bytes=incarnation), named, has_fence(chunks)],
    )
    return {
        row[0].bytes: LeaseState(row[0].bytes, (row[1], row[2], row[3]), *row[4:]) for row in rows
    }


def _debits(
    incarnation: bytes, seqs: set[int], first_seq: int
) -> tuple[dict[int, list[DebitLine]], set[int]]:
    """Lines of earlier debits, and which of them have an outcome already; read from the settled chunks."""
    earlier = sorted(seq for seq in seqs if seq < first_seq)
    if not earlier:
        return {}, set()
    stream = uuid.UUID(bytes=incarnation)
    chunks = fetch(
        """
        SELECT DISTINCT c.first_seq, c.payload FROM unnest(%s::bigint[]) AS seq
        CROSS JOIN LATERAL (
            SELECT first_seq, payload FROM audit_chunk WHERE incarnation_id = %s AND first_seq <= seq
            ORDER BY first_seq DESC LIMIT 1) c
        """,
        [earlier, stream],
    )
    lines: dict[int, list[DebitLine]] = {}
    for start, payload in chunks:
        for seq, entry in enumerate(chunk_entries(bytes(payload)), start=start):
            if seq in seqs and isinstance(entry, AuctionEntry):
                lines[seq] = entry.lines
    return lines, _resolved(stream, earlier)


def _resolved(stream: uuid.UUID, seqs: list[int]) -> set[int]:
    rows = fetch(
        "SELECT outcome_seqs FROM audit_chunk WHERE incarnation_id = %s AND outcome_seqs && %s::bigint[] AND outcome_seqs <> '{}'",
        [stream, seqs],
    )
    return {seq for row in rows for seq in row[0]} & set(seqs)


def outcome_seqs(chunk: Numbered) -> list[int]:
    """Entries whose outcome with money (void, unknown) stands in a chunk: what the audit index stores."""
    return [
        outcome.seq
        for entry in chunk.entries
        if isinstance(entry, OutcomeEntry)
        for outcome in (*entry.void, *entry.unknown)
    ]
