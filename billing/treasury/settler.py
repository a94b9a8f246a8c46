"""Settles what bankers ship, stream by stream, in batches.

In: chunks from the desk. Out: settled streams, a Cursor for each. On failure: chunks stay here until Postgres is back;
what does not fit is dropped, since bankers send it again. Time: a chunk is settled within half a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import IntegrityError

from billing.escrow.store import SettlementStore
from billing.settlement.settle import Settled, settle_chunks, stop_stream
from billing.treasury.chunks import BUFFER_BYTES_MAX, Chunks
from billing.treasury.ports import Mail
from rtbplatform.kernel.stream import Chunk
from rtbplatform.kernel.wire import Cursor

log = structlog.get_logger(__name__)

GATHER_S = 0.2
"""Between two transactions of a stream: postings are aggregated per transaction, so fewer of them cost less."""


def settle_next(
    store: SettlementStore, mail: Mail, chunks: Chunks, lease_key: bytes, incarnation: bytes
) -> int:
    """Settles the next batch of a stream and tells its banker; returns how many entries. Raises what the store raises:
    then the batch waits for the next attempt."""
    batch = chunks.take(incarnation)
    if not batch:
        return 0
    try:
        settled = settle_chunks(store, batch, lease_key)
    except IntegrityError as error:
        # A constraint refused what the stream says: it contradicts what escrow knows.
        settled = Settled(stop_stream(store, incarnation, f"refused by the database: {error}"))
    except BaseException:
        chunks.put_back(incarnation)
        raise
    chunks.forget(incarnation, batch, settled)
    if settled.cursor is None:
        log.warning("chunks of an unregistered stream dropped", incarnation=incarnation.hex())
    mail.send([(incarnation, settled.cursor or Cursor(incarnation, 0, "unknown"))])
    return settled.entries


class SharedChunks(Chunks):
    """Offered by one thread, settled by another."""

    def __init__(self, bytes_max: int = BUFFER_BYTES_MAX) -> None:
        super().__init__(bytes_max)
        self._arrived = threading.Condition()

    def wait(self, timeout_s: float) -> list[bytes]:
        """Streams with something new, as soon as there are any."""
        with self._arrived:
            self._arrived.wait_for(self.ready, timeout_s)
            return self.ready()

    def offer(self, chunk: Chunk) -> None:
        with self._arrived:
            super().offer(chunk)
            self._arrived.notify()

    def take(self, incarnation: bytes) -> list[Chunk]:
        with self._arrived:
            return super().take(incarnation)

    def put_back(self, incarnation: bytes) -> None:
        with self._arrived:
            super().put_back(incarnation)

    def forget(self, incarnation: bytes, batch: list[Chunk], settled: Settled) -> None:
        with self._arrived:
            super().forget(incarnation, batch, settled)


class Settler:
    """One thread's work; `offer` is called from another."""

    def __init__(
        self, mail: Mail, store: SettlementStore, lease_key: bytes, wait: Callable[[float], bool]
    ) -> None:
        self._mail, self._store, self._lease_key, self._wait = mail, store, lease_key, wait
        self._chunks = SharedChunks()
        self.settled_entries = 0

    @property
    def waiting_bytes(self) -> int:
        """Payload that is not settled yet."""
        return self._chunks.waiting_bytes

    def offer(self, chunk: Chunk) -> None:
        self._chunks.offer(chunk)

    def step(self) -> None:
        """Settles a batch of every stream that has something new."""
        streams = self._chunks.wait(0.5)
        for incarnation in streams:
            self.settled_entries += settle_next(
                self._store, self._mail, self._chunks, self._lease_key, incarnation
            )
        if streams:
            self._wait(GATHER_S)
