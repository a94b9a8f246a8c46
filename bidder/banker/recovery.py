"""The end of a dead incarnation's stream: what its banker could not write any more, and the fence.

Its chain is verified first. Debits without an outcome are UNKNOWN, open leases are sealed with what was durably spent on
them, and after the fence the file takes nothing, so that everything unspent is free (R1, R8).
"""

from __future__ import annotations

from collections.abc import Iterable

from bidder.banker.group import Batch
from bidder.banker.leases import LeaseRow, lease_change
from bidder.banker.outbox import Head, Outbox, OutboxError
from bidder.banker.outcomes import undecided_after
from rtbplatform.kernel.stream import (
    Chunk,
    ChunkError,
    Entry,
    FenceEntry,
    LeaseEntry,
    Outcome,
    OutcomeEntry,
    chunk_entries,
    make_chunk,
)

REASON = "recovered after the banker's end"


def fence(outbox: Outbox, incarnation: bytes, wall_ms: int) -> bool:
    """Ends a dead stream, once; False when it had ended. Raises OutboxError when the stream is damaged."""
    head = outbox.head()
    chunks = _checked(outbox, incarnation, head)
    if outbox.is_fenced():
        return False
    entries = [entry for chunk in chunks for entry in _decoded(chunk)]
    unknown = undecided_after(chunks[0].first_seq if chunks else head.last_seq + 1, entries)
    outbox.commit(last_batch(incarnation, head, unknown, outbox.open_leases(), wall_ms))
    return True


def last_batch(
    incarnation: bytes,
    head: Head,
    unknown: list[Outcome],
    leases: Iterable[LeaseRow],
    wall_ms: int,
) -> Batch:
    """The last entries of a stream, in order: outcomes, seals, fence."""
    entries: list[Entry] = []
    if unknown:
        entries.append(OutcomeEntry([], [], unknown))
    sealed = [LeaseRow(row.lease, row.spent_micros, "sealed") for row in leases]
    if sealed:
        entries.append(
            LeaseEntry(
                wall_ms, [lease_change("sealed", row.lease, row.spent_micros) for row in sealed]
            )
        )
    entries.append(FenceEntry(wall_ms, REASON))
    chunk = make_chunk(incarnation, head.last_seq + 1, wall_ms, head.hash, entries)
    return Batch(chunk, sealed, [], chunk.last_seq + 1, fences=True)


def _checked(outbox: Outbox, incarnation: bytes, head: Head) -> list[Chunk]:
    """The chunks with undecided debits; the chain is verified over them and all that is not settled."""
    undecided: list[Chunk] = []
    seq = min(outbox.settled_seq(), head.undecided_from - 1)
    last: Chunk | None = None
    while batch := outbox.chunks_after(seq, incarnation):
        for chunk in batch:
            linked = last is None or (
                chunk.first_seq == last.last_seq + 1 and chunk.prev_hash == last.hash
            )
            if not linked or not chunk.verify():
                raise OutboxError(f"its stream is damaged at {chunk.first_seq}")
            if chunk.last_seq >= head.undecided_from:
                undecided.append(chunk)
            last = chunk
        seq = batch[-1].last_seq
    return undecided


def _decoded(chunk: Chunk) -> list[Entry]:
    try:
        return chunk_entries(chunk.payload)
    except ChunkError as error:
        raise OutboxError(f"its stream is damaged at {chunk.first_seq}: {error}") from error
