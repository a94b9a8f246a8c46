"""Where a stream stands, and which of the chunks at hand follow it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from billing.escrow.values import Incarnation
from billing.settlement.changes import Numbered
from rtbplatform.kernel.stream import Chunk, chunk_entries

StoredHashes = Callable[[Collection[int]], Mapping[int, bytes]]
"""Hashes of settled chunks by first sequence number."""


class Stop(Exception):  # noqa: N818 - it stops the stream
    """A chunk that cannot be part of this stream."""


class Run(Struct, frozen=True):
    chunks: list[Chunk]
    waits: bool


def choose_run(position: Incarnation, chunks: Sequence[Chunk], stored: StoredHashes) -> Run:
    """The chunks that follow the cursor without a gap. Raises Stop for one that contradicts the stream."""
    run: list[Chunk] = []
    seq, previous = position.seq, position.hash
    settled: dict[int, bytes] = {}
    waits = False
    for chunk in sorted(chunks, key=lambda one: one.first_seq):
        if chunk.count < 1 or not chunk.verify():
            raise Stop(f"the hash of chunk {chunk.first_seq} is not that of its bytes")
        if chunk.first_seq <= position.seq:
            settled[chunk.first_seq] = chunk.hash
        elif chunk.first_seq <= seq:
            if all(one.hash != chunk.hash for one in run):
                raise Stop(f"two chunks claim entry {chunk.first_seq}")
        elif chunk.first_seq > seq + 1:
            waits = True
            break
        elif chunk.prev_hash != previous:
            raise Stop(f"chunk {chunk.first_seq} does not continue the settled chain")
        else:
            run.append(chunk)
            seq, previous = chunk.last_seq, chunk.hash
    _check_settled(settled, stored)
    return Run(run, waits)


def _check_settled(hashes: dict[int, bytes], stored: StoredHashes) -> None:
    """Chunks that come again must be those that were settled: one number with two hashes stops the stream (R6)."""
    if not hashes:
        return
    known = stored(hashes)
    for seq, digest in hashes.items():
        if known.get(seq) != digest:
            raise Stop(f"chunk {seq} came again with another hash than the settled one")


def decode(chunks: Sequence[Chunk]) -> list[Numbered]:
    """Their entries. Raises ChunkError, or Stop when a chunk does not hold as many as it says."""
    numbered = [Numbered(chunk.first_seq, chunk_entries(chunk.payload)) for chunk in chunks]
    for chunk, entries in zip(chunks, numbered, strict=True):
        if len(entries.entries) != chunk.count:
            raise Stop(
                f"chunk {chunk.first_seq} holds {len(entries.entries)} entries, not {chunk.count}"
            )
    return numbered
