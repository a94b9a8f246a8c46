"""Gathers chunks per stream and settles them in batches.

In: chunks from the desk. Out: settled streams, a Cursor for each. On failure: chunks stay here until Postgres is back;
what does not fit is dropped, since bankers send it again. Time: a chunk is settled within half a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import IntegrityError
from msgspec import Struct, field

from billing.settlement.settle import Settled, settle_chunks, stop_stream
from billing.treasury.mailroom import Mailroom
from rtbplatform.kernel.stream import Chunk

log = structlog.get_logger(__name__)

BUFFER_BYTES_MAX = 64 * 1024 * 1024
BATCH_BYTES_MAX = 4 * 1024 * 1024
BATCH_CHUNKS_MAX = 500
GATHER_S = 0.2
"""Between two transactions of a stream: postings are aggregated per transaction, so fewer of them cost less."""


class Waiting(Struct):
    """Chunks of one stream that are not settled yet."""

    chunks: dict[int, Chunk] = field(default_factory=dict)
    is_ready: bool = False
    """Something came since the last attempt: without it a gap cannot have closed."""


class Settler:
    """One thread's work; `offer` is called from another."""

    def __init__(self, mailroom: Mailroom, wait: Callable[[float], bool]) -> None:
        self._mailroom = mailroom
        self._wait = wait
        self._arrived = threading.Condition()
        self._streams: dict[bytes, Waiting] = {}
        self._bytes = 0
        self.settled_entries = 0

    @property
    def waiting_bytes(self) -> int:
        """Payload that is not settled yet."""
        return self._bytes

    def offer(self, chunk: Chunk) -> None:
        """Takes a chunk for settlement. Dropped when too much waits: the banker sends it again."""
        size = len(chunk.payload)
        with self._arrived:
            waiting = self._streams.setdefault(chunk.incarnation, Waiting())
            if chunk.first_seq in waiting.chunks or self._bytes + size > BUFFER_BYTES_MAX:
                # A different chunk under a number that waits comes again after the first is settled, and is seen then.
                waiting.is_ready = True
                return
            waiting.chunks[chunk.first_seq] = chunk
            waiting.is_ready = True
            self._bytes += size
            self._arrived.notify()

    def step(self) -> None:
        """Settles a batch of every stream that has something new."""
        with self._arrived:
            self._arrived.wait_for(self._ready, timeout=0.5)
            streams = self._ready()
        for incarnation in streams:
            self._settle(incarnation)
        if streams:
            self._wait(GATHER_S)

    def _ready(self) -> list[bytes]:
        return [one for one, waiting in self._streams.items() if waiting.is_ready]

    def _settle(self, incarnation: bytes) -> None:
        batch, has_more = self._take(incarnation)
        if not batch:
            return
        try:
            settled = settle_chunks(batch)
        except IntegrityError as error:
            # A constraint refused what the stream says: it contradicts what escrow knows.
            settled = Settled(stop_stream(incarnation, f"refused by the database: {error}"))
        except BaseException:
            self._put_back(incarnation)
            raise
        self.settled_entries += settled.entries
        self._forget(incarnation, batch, settled, has_more=has_more)
        if settled.cursor is not None:
            self._mailroom.send([(incarnation, settled.cursor)])
        else:
            log.warning("chunks of an unregistered stream dropped", incarnation=incarnation.hex())

    def _take(self, incarnation: bytes) -> tuple[list[Chunk], bool]:
        """The first chunks by number, up to a batch; they stay in the buffer until they are settled."""
        with self._arrived:
            waiting = self._streams[incarnation]
            waiting.is_ready = False
            batch: list[Chunk] = []
            size = 0
            for seq in sorted(waiting.chunks):
                batch.append(waiting.chunks[seq])
                size += len(waiting.chunks[seq].payload)
                if size >= BATCH_BYTES_MAX or len(batch) >= BATCH_CHUNKS_MAX:
                    break
            return batch, len(batch) < len(waiting.chunks)

    def _put_back(self, incarnation: bytes) -> None:
        with self._arrived:
            self._streams[incarnation].is_ready = True

    def _forget(
        self, incarnation: bytes, batch: list[Chunk], settled: Settled, *, has_more: bool
    ) -> None:
        """Drops what is settled, or can never be; keeps what waits for a gap to close."""
        cursor = settled.cursor
        is_open = cursor is not None and cursor.state == "open"
        with self._arrived:
            waiting = self._streams[incarnation]
            chunks = batch if is_open else list(waiting.chunks.values())
            for chunk in chunks:
                if not is_open or cursor is None or chunk.first_seq <= cursor.settled_seq:
                    del waiting.chunks[chunk.first_seq]
                    self._bytes -= len(chunk.payload)
            waiting.is_ready = waiting.is_ready or (has_more and settled.entries > 0)
            if not waiting.chunks:
                del self._streams[incarnation]
