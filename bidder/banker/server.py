"""The banker's unix socket: frames in and out, one `WorkerConnection` per worker.

A worker that does not read its answers is not read either, until it does (backpressure); one that sends nonsense is
disconnected; neither disturbs the others.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any, cast

import msgspec

from bidder.banker.teller import Teller
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel import ipc

WRITE_HIGH_BYTES = 256 * 1024
"""Above this a worker's own messages wait until it has read what it was told."""
WRITE_MAX_BYTES = 64 * 1024 * 1024
log = logging.getLogger(__name__)
_numbers = itertools.count(1)

Fatal = Callable[[BaseException], None]


class Desk(msgspec.Struct, frozen=True):
    """What connections share."""

    teller: Teller
    metrics: WorkerMetrics
    welcome: ipc.Welcome
    metrics_text: Callable[[], str]
    fatal: Fatal
    """Ends the process: called for an error that is not a worker's."""
    connections: set[WorkerConnection]


class WorkerConnection(asyncio.Protocol):
    """One worker."""

    def __init__(self, desk: Desk) -> None:
        self.number = next(_numbers)
        self.stale: set[int] = set()
        self._desk = desk
        self._reader = ipc.FrameReader()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._greeted = False
        teller = desk.teller
        self._handlers: dict[type, Callable[[Any, Any], None]] = {
            ipc.Submit: teller.submit,
            ipc.Record: teller.record,
            ipc.Outcomes: teller.outcomes,
            ipc.Notice: teller.notice,
            ipc.Wanted: teller.wanted,
            ipc.Lost: teller.lost,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._desk.connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            messages = [ipc.decode_to_banker(body) for body in self._reader.feed(data)]
        except (ValueError, msgspec.MsgspecError) as error:
            log.error("a worker sent nonsense and is disconnected: %s", error)  # noqa: TRY400 - theirs
            self.close()
            return
        try:
            for message in messages:
                self._handle(message)
        except Exception as error:  # noqa: BLE001 - the loop would only log it, and go on with a broken book
            self._desk.fatal(error)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended is all the same
        self._transport = None
        self._desk.connections.discard(self)
        self._desk.metrics.ended(self.number)
        try:
            self._desk.teller.gone(self)
        except Exception as error:  # noqa: BLE001 - as above
            self._desk.fatal(error)

    def pause_writing(self) -> None:
        """The worker does not keep up: stop listening to it."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Gathers what goes out in this loop turn."""
        if not data or self._transport is None:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _handle(self, message: ipc.ToBanker) -> None:
        handler = self._handlers.get(type(message))
        if handler is not None and self._greeted:
            handler(self, message)
        elif isinstance(message, ipc.Hello):
            self._greeted = True
            self._desk.metrics.hello(self.number, message.worker, message.pid)
            self._desk.teller.hello(self, self._desk.welcome)
        elif isinstance(message, ipc.Metrics):
            self._desk.metrics.update(self.number, message)
        elif isinstance(message, ipc.MetricsQuery):
            self.write(ipc.frame(ipc.MetricsText(message.query_id, self._desk.metrics_text())))
        else:
            log.error("a worker must say hello first: it is disconnected")
            self.close()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not out or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(out))
        if self._transport.get_write_buffer_size() > WRITE_MAX_BYTES:
            log.error("worker connection %d does not read: it is disconnected", self.number)
            self._transport.abort()
