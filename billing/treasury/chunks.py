"""Chunks that wait to be settled: which streams have something new, and what may be forgotten. Plain, without threads."""

from __future__ import annotations

from msgspec import Struct, field

from billing.settlement.settle import Settled
from rtbplatform.kernel.stream import Chunk

BUFFER_BYTES_MAX = 64 * 1024 * 1024
BATCH_BYTES_MAX = 4 * 1024 * 1024
BATCH_CHUNKS_MAX = 500


class Waiting(Struct):
    """Chunks of one stream that are not settled yet."""

    chunks: dict[int, Chunk] = field(default_factory=dict)
    is_ready: bool = False
    """Something came since the last attempt: without it a gap cannot have closed."""


class Chunks:
    """All streams of a region. Bounded: what does not fit is dropped, since bankers send it again."""

    def __init__(self, bytes_max: int = BUFFER_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._streams: dict[bytes, Waiting] = {}
        self.waiting_bytes = 0

    def offer(self, chunk: Chunk) -> None:
        """Takes a chunk for settlement, once."""
        size = len(chunk.payload)
        waiting = self._streams.setdefault(chunk.incarnation, Waiting())
        # A different chunk under a number that waits comes again after the first is settled, and is seen then.
        waiting.is_ready = True
        if chunk.first_seq not in waiting.chunks and self.waiting_bytes + size <= self._bytes_max:
            waiting.chunks[chunk.first_seq] = chunk
            self.waiting_bytes += size

    def ready(self) -> list[bytes]:
        """Streams with something new."""
        return [one for one, waiting in self._streams.items() if waiting.is_ready]

    def take(self, incarnation: bytes) -> list[Chunk]:
        """The first chunks by number, up to a batch; they stay here until they are settled. Maybe none."""
        waiting = self._streams[incarnation]
        waiting.is_ready = False
        batch: list[Chunk] = []
        size = 0
        for seq in sorted(waiting.chunks):
            batch.append(waiting.chunks[seq])
            size += len(waiting.chunks[seq].payload)
            if size >= BATCH_BYTES_MAX or len(batch) >= BATCH_CHUNKS_MAX:
                break
        if not batch:
            del self._streams[incarnation]
        return batch

    def put_back(self, incarnation: bytes) -> None:
        """The attempt failed: nothing is known to be settled."""
        self._streams[incarnation].is_ready = True

    def forget(self, incarnation: bytes, batch: list[Chunk], settled: Settled) -> None:
        """Drops what is settled, or can never be; keeps what waits for a gap to close."""
        cursor = settled.cursor
        waiting = self._streams[incarnation]
        has_more = len(batch) < len(waiting.chunks)
        is_open = cursor is not None and cursor.state == "open"
        for chunk in batch if is_open else list(waiting.chunks.values()):
            if not is_open or cursor is None or chunk.first_seq <= cursor.settled_seq:
                del waiting.chunks[chunk.first_seq]
                self.waiting_bytes -= len(chunk.payload)
        waiting.is_ready = waiting.is_ready or (has_more and settled.entries > 0)
        if not waiting.chunks:
            del self._streams[incarnation]
