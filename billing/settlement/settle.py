"""Settles a run of chunks of one stream: exactly once, gapless, in one transaction (R6).

What the chunks mean is decided by `fold`; here rows are locked in the one order of `escrow.store`, the effects saved,
and a stream that contradicts itself is stopped with an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from msgspec import Struct

from billing.escrow.store import SettlementStore
from billing.escrow.values import EscrowError, Incarnation
from billing.settlement.changes import StreamError
from billing.settlement.fold import fold
from billing.settlement.loading import Loaded, load
from billing.settlement.saving import save
from billing.settlement.streams import Stop, choose_run, decode
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import Chunk, ChunkError
from rtbplatform.kernel.wire import Cursor

log = structlog.get_logger(__name__)


class Settled(Struct, frozen=True):
    """What became of a run of chunks."""

    cursor: Cursor | None
    """None: the stream was never registered."""
    entries: int = 0
    waits: bool = False
    """Whether chunks are missing before those that were given (a gap)."""


def settle_chunks(store: SettlementStore, chunks: Sequence[Chunk], lease_key: bytes) -> Settled:
    """Takes chunks of one incarnation, in any order, some perhaps settled already. Call outside a transaction.

    A chunk is taken when it follows the cursor and carries the hash before it; duplicates are dropped; gaps wait.
    `lease_key` verifies leases that the database has lost. Raises what the store raises: then nothing was settled.
    """
    try:
        with store.transaction():
            return _settle(store, chunks, lease_key)
    except (Stop, StreamError, EscrowError, ChunkError) as fault:
        return _before_fault(store, chunks, lease_key, fault)


def _settle(store: SettlementStore, chunks: Sequence[Chunk], lease_key: bytes) -> Settled:
    name = chunks[0].incarnation
    incarnation = store.lock_incarnations([name], exclusive=True).get(name)
    if incarnation is None:
        return Settled(None)
    if incarnation.state != "open":
        return Settled(cursor_of(incarnation))
    run = choose_run(incarnation, chunks, lambda seqs: store.stored_hashes(name, seqs))
    if not run.chunks:
        return Settled(cursor_of(incarnation), waits=run.waits)
    numbered = decode(run.chunks)
    loaded: Loaded = load(store, incarnation, numbered, lease_key)
    effects = fold(numbered, loaded.state)
    save(store, incarnation, loaded, effects)
    last = run.chunks[-1]
    incarnation.seq, incarnation.hash = last.last_seq, last.hash
    incarnation.mark, incarnation.epoch = loaded.state.mark, loaded.state.epoch
    if loaded.state.is_fenced:
        incarnation.state = "closed"
    store.save_incarnation(incarnation)
    store.keep_chunks(incarnation.region, run.chunks, [one.entries for one in numbered])
    count = sum(chunk.count for chunk in run.chunks)
    return Settled(cursor_of(incarnation), count, run.waits)


def cursor_of(incarnation: Incarnation) -> Cursor:
    """Where its stream stands, for its banker."""
    return Cursor(incarnation.id, incarnation.seq, incarnation.state)


def _before_fault(
    store: SettlementStore, chunks: Sequence[Chunk], lease_key: bytes, fault: Exception
) -> Settled:
    """Settles what stands before the chunk that contradicts, chunk by chunk, then stops the stream."""
    entries = 0
    if len({chunk.first_seq for chunk in chunks}) > 1:
        for chunk in sorted(chunks, key=lambda one: one.first_seq):
            settled = settle_chunks(store, [chunk], lease_key)
            entries += settled.entries
            if settled.cursor is None or settled.cursor.state != "open":
                return Settled(settled.cursor, entries)
        return Settled(settled.cursor, entries, settled.waits)
    return Settled(stop_stream(store, chunks[0].incarnation, str(fault)), entries)


def stop_stream(store: SettlementStore, incarnation: bytes, reason: str) -> Cursor:
    """Takes nothing more from a stream, until a person has looked. Its leases stay out: nothing is released.

    Call outside a transaction, for an incarnation that is registered.
    """
    with store.transaction():
        stopped = store.lock_incarnations([incarnation], exclusive=True)[incarnation]
        if stopped.state == "open":
            stopped.state, stopped.alarm = "stopped", reason
            store.save_incarnation(stopped)
        store.alarm("stream_stopped", uuid_text(incarnation), reason)
    log.error("stream stopped", incarnation=incarnation.hex(), reason=reason)
    return cursor_of(stopped)
