"""What waits to be settled is kept in memory: bounded, each chunk once, forgotten when it is settled or never can be."""

from __future__ import annotations

from billing.settlement.settle import Settled
from billing.treasury.chunks import BATCH_CHUNKS_MAX, Chunks
from rtbplatform.kernel.stream import Chunk
from rtbplatform.kernel.wire import Cursor

STREAM = b"i" * 16


def chunk(first_seq: int, size: int = 10) -> Chunk:
    return Chunk(STREAM, first_seq, 1, 0, b"", b"", bytes(size), b"")


def settled(seq: int, state: str = "open", entries: int = 1) -> Settled:
    return Settled(Cursor(STREAM, seq, state), entries)


def offered(*seqs: int, bytes_max: int = 10_000) -> Chunks:
    chunks = Chunks(bytes_max)
    for seq in seqs:
        chunks.offer(chunk(seq))
    return chunks


def test_a_chunk_that_waits_already_is_kept_once() -> None:
    assert offered(1, 1).waiting_bytes == 10


def test_what_does_not_fit_is_dropped() -> None:
    assert offered(1, 2, 3, bytes_max=25).waiting_bytes == 20


def test_a_batch_is_in_order() -> None:
    assert [one.first_seq for one in offered(3, 1, 2).take(STREAM)] == [1, 2, 3]


def test_a_stream_is_ready_until_it_is_taken() -> None:
    chunks = offered(1)
    assert chunks.ready() == [STREAM]
    chunks.take(STREAM)
    assert chunks.ready() == []


def test_a_failed_attempt_is_made_again() -> None:
    chunks = offered(1)
    chunks.take(STREAM)
    chunks.put_back(STREAM)
    assert len(chunks.take(STREAM)) == 1


def test_what_is_settled_is_forgotten() -> None:
    chunks = offered(1, 2)
    chunks.forget(STREAM, chunks.take(STREAM), settled(2))
    assert chunks.waiting_bytes == 0
    assert chunks.ready() == []


def test_what_waits_for_a_gap_to_close_is_kept_and_not_tried_again_by_itself() -> None:
    chunks = offered(1, 3)
    chunks.forget(STREAM, chunks.take(STREAM), settled(1))
    assert chunks.waiting_bytes == 10
    assert chunks.ready() == []


def test_chunks_of_a_stream_that_takes_no_more_are_forgotten() -> None:
    chunks = offered(1, 2)
    chunks.forget(STREAM, chunks.take(STREAM), settled(0, "stopped", 0))
    assert chunks.waiting_bytes == 0


def test_chunks_of_an_unknown_stream_are_forgotten() -> None:
    chunks = offered(1, 2)
    chunks.forget(STREAM, chunks.take(STREAM), Settled(None))
    assert chunks.waiting_bytes == 0


def test_more_than_a_batch_is_settled_in_the_next() -> None:
    chunks = offered(*range(1, BATCH_CHUNKS_MAX + 2))
    batch = chunks.take(STREAM)
    assert len(batch) == BATCH_CHUNKS_MAX
    chunks.forget(STREAM, batch, settled(BATCH_CHUNKS_MAX, entries=BATCH_CHUNKS_MAX))
    assert chunks.ready() == [STREAM]
