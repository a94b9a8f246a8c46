"""Settles a run of chunks of one stream: exactly once, gapless, in one transaction (R6).

What the chunks mean is decided by `fold`; here rows are locked, the effects written, and a stream that contradicts
itself is stopped with an alarm.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import structlog
from django.db import transaction
from msgspec import Struct

from billing.escrow.alarms import raise_alarm
from billing.escrow.repository import execute, fetch
from billing.settlement import effects, fold
from billing.settlement.streams import Position, Stop, choose_run, load_state
from rtbplatform.kernel.stream import Chunk, ChunkError, chunk_entries
from rtbplatform.kernel.wire import Cursor

log = structlog.get_logger(__name__)


class Settled(Struct, frozen=True):
    """What became of a run of chunks."""

    cursor: Cursor | None
    """None: the stream was never registered."""
    entries: int = 0
    waits: bool = False
    """Whether chunks are missing before those that were given (a gap)."""


def settle_chunks(chunks: Sequence[Chunk]) -> Settled:
    """Takes chunks of one incarnation, in any order, some perhaps settled already. Raises django.db.Error.

    A chunk is taken when it follows the cursor and carries the hash before it; duplicates are dropped; gaps wait.
    """
    incarnation = chunks[0].incarnation
    try:
        with transaction.atomic():
            return _settle(incarnation, chunks)
    except (Stop, fold.StreamError, ChunkError) as fault:
        return _before_fault(incarnation, chunks, fault)


def _settle(incarnation: bytes, chunks: Sequence[Chunk]) -> Settled:
    position = _lock(incarnation)
    if position is None:
        return Settled(None)
    if position.state != "open":
        return Settled(Cursor(incarnation, position.seq, position.state))
    run = choose_run(position, chunks)
    if not run.chunks:
        return Settled(Cursor(incarnation, position.seq), waits=run.waits)
    numbered = [
        fold.Numbered(chunk.first_seq, chunk_entries(chunk.payload)) for chunk in run.chunks
    ]
    for chunk, entries in zip(run.chunks, numbered, strict=True):
        if len(entries.entries) != chunk.count:
            raise Stop(
                f"chunk {chunk.first_seq} holds {len(entries.entries)} entries, not {chunk.count}"
            )
    outcome = fold.settle(numbered, load_state(incarnation, numbered))
    effects.write(incarnation, run.chunks, numbered, outcome)
    state = "closed" if outcome.is_fenced else "open"
    last = run.chunks[-1]
    execute(
        "UPDATE escrow_incarnation SET settled_seq = %s, settled_hash = %s, settled_at = now(), state = %s WHERE id = %s",
        [last.last_seq, last.hash, state, uuid.UUID(bytes=incarnation)],
    )
    count = sum(chunk.count for chunk in run.chunks)
    return Settled(Cursor(incarnation, last.last_seq, state), count, run.waits)


def _lock(incarnation: bytes) -> Position | None:
    rows = fetch(
        "SELECT state, settled_seq, settled_hash FROM escrow_incarnation WHERE id = %s FOR UPDATE",
        [uuid.UUID(bytes=incarnation)],
    )
    return Position(incarnation, rows[0][0], rows[0][1], bytes(rows[0][2])) if rows else None


def _before_fault(incarnation: bytes, chunks: Sequence[Chunk], fault: Exception) -> Settled:
    """Settles what stands before the chunk that contradicts, chunk by chunk, then stops the stream."""
    entries = 0
    if len({chunk.first_seq for chunk in chunks}) > 1:
        for chunk in sorted(chunks, key=lambda one: one.first_seq):
            settled = settle_chunks([chunk])
            entries += settled.entries
            if settled.cursor is None or settled.cursor.state != "open":
                return Settled(settled.cursor, entries)
        return Settled(settled.cursor, entries, settled.waits)
    return Settled(stop_stream(incarnation, str(fault)), entries)


@transaction.atomic
def stop_stream(incarnation: bytes, reason: str) -> Cursor:
    """Takes nothing more from a stream, until a person has looked. Its leases stay out: nothing is released."""
    execute(
        "UPDATE escrow_incarnation SET state = 'stopped', alarm = %s WHERE id = %s AND state = 'open'",
        [reason, uuid.UUID(bytes=incarnation)],
    )
    raise_alarm("stream_stopped", str(uuid.UUID(bytes=incarnation)), reason)
    rows = fetch(
        "SELECT settled_seq, state FROM escrow_incarnation WHERE id = %s",
        [uuid.UUID(bytes=incarnation)],
    )
    log.error("stream stopped", incarnation=uuid.UUID(bytes=incarnation).hex, reason=reason)
    return Cursor(incarnation, *rows[0])
