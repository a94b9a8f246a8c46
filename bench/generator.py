"""An open-loop load generator: requests leave at a constant rate whatever the answers do.

Latency counts from the intended send time, so that a stall of the server is seen by every request that it delayed
(no coordinated omission). The generator's own lateness is reported: a run is worth nothing where it is not near 0.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable

from bench.bodies import Source
from bench.figures import LOST, TIMED_OUT, Answer, Collector, Summary
from bench.http_client import Connection, Target, connect

TICK_S = 0.001
Observer = Callable[[Answer], None]


class Ticket:
    """A request under way."""

    __slots__ = ("due_s", "kind", "message", "request_id", "sent_ms")

    def __init__(self, due_s: float, kind: str, request_id: str, message: bytes) -> None:
        self.due_s, self.kind, self.request_id, self.message = due_s, kind, request_id, message
        self.sent_ms = 0


class Load:
    """One run of requests against one target, over a pool of keep-alive connections.

    `observer`, when given, is told of every request's end, with headers and body.
    """

    def __init__(
        self,
        target: Target,
        source: Source,
        *,
        connections: int = 64,
        connections_max: int = 4000,
        timeout_s: float = 5.0,
        window_s: float = 5.0,
        observer: Observer | None = None,
    ) -> None:
        self.target, self.source, self.observer = target, source, observer
        self.collector = Collector(window_s)
        self.connections, self.connections_max = connections, connections_max
        self.timeout_s = timeout_s
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._waiting: deque[Ticket] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._in_flight: dict[Ticket, Connection] = {}
        self._start_s = 0.0
        self._after: Callable[[], None] = lambda: None

    async def open_loop(self, rate: float, seconds: float, first: int = 0) -> Summary:
        """`rate` requests a second for `seconds`, then waits for the last answers."""
        total = int(rate * seconds)
        await self._open_pool()
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._start_s = start_s = time.perf_counter() + 0.01
            sent, swept_s = 0, start_s
            while sent < total:
                now_s = time.perf_counter()
                due = min(total, int((now_s - start_s) * rate) + 1)
                while sent < due:
                    self._offer(first + sent, start_s + sent / rate)
                    sent += 1
                if now_s - swept_s > 0.25:
                    self._sweep(now_s)
                    swept_s = now_s
                pause_s = start_s + sent / rate - time.perf_counter()
                await asyncio.sleep(max(TICK_S, pause_s))
            await self._drain()
        finally:
            gc.enable()
            gc.unfreeze()
        self._close()
        return self.collector.summary(time.perf_counter() - start_s)

    async def closed_loop(self, total: int, first: int = 0) -> Summary:
        """`total` requests, each connection sending its next one as soon as it has its answer."""
        await self._open_pool()
        self._start_s = start_s = time.perf_counter()
        number = first

        def next_one() -> None:
            nonlocal number
            if number < first + total:
                number += 1
                self._offer(number - 1, time.perf_counter())

        self._after = next_one
        for _ in range(self.connections):
            next_one()
        while number < first + total:
            self._sweep(time.perf_counter())
            await asyncio.sleep(0.05)
        await self._drain()
        self._close()
        return self.collector.summary(time.perf_counter() - start_s)

    async def _open_pool(self) -> None:
        """Connections are opened before the clock runs: opening them under load would measure something else."""
        for start in range(0, self.connections, 100):
            batch = min(100, self.connections - start)
            await asyncio.gather(*(self._connect() for _ in range(batch)))

    async def _connect(self) -> None:
        try:
            connection = await connect(
                self.target, self._done, self._gone, headers=self.observer is not None
            )
        except OSError:
            if self._waiting:
                self._finish(self._waiting.popleft(), LOST, error="connection refused")
            return
        self._open.add(connection)
        self._use(connection)

    def _use(self, connection: Connection) -> None:
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _offer(self, number: int, due_s: float) -> None:
        kind, request_id, body = self.source(number)
        ticket = Ticket(due_s, kind, request_id, self.target.message(body))
        while self._idle:
            connection = self._idle.popleft()
            if connection.transport is not None and not connection.transport.is_closing():
                self._send(connection, ticket)
                return
        self._waiting.append(ticket)
        if len(self._open) + len(self._opening) < self.connections_max:
            task = asyncio.ensure_future(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _send(self, connection: Connection, ticket: Ticket) -> None:
        late_ms = (time.perf_counter() - ticket.due_s) * 1e3
        ticket.sent_ms = time.time_ns() // 1_000_000
        self._in_flight[ticket] = connection
        self.collector.sent(late_ms, len(self._in_flight))
        connection.send(ticket, ticket.message)

    def _done(
        self, connection: Connection, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        ticket, connection.ticket = connection.ticket, None
        if connection.transport is not None and not connection.transport.is_closing():
            self._use(connection)
        if isinstance(ticket, Ticket):
            self._in_flight.pop(ticket, None)
            self._finish(ticket, status, body, headers)

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        ticket, connection.ticket = connection.ticket, None
        if isinstance(ticket, Ticket) and self._in_flight.pop(ticket, None) is not None:
            self._finish(ticket, LOST, error="connection lost")

    def _finish(
        self,
        ticket: Ticket,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        error: str = "",
    ) -> None:
        latency_ms = (time.perf_counter() - ticket.due_s) * 1e3
        self.collector.ended(status, ticket.due_s - self._start_s, latency_ms)
        if self.observer is not None:
            self.observer(
                Answer(
                    ticket.request_id,
                    ticket.kind,
                    status,
                    round(latency_ms, 3),
                    ticket.sent_ms,
                    body,
                    headers or {},
                    error,
                )
            )
        self._after()

    def _sweep(self, now_s: float) -> None:
        """Gives up on what has waited too long; tickets are in order of their due time."""
        for ticket, connection in list(self._in_flight.items()):
            if now_s - ticket.due_s < self.timeout_s:
                break
            del self._in_flight[ticket]
            connection.ticket = None
            connection.close()
            self._finish(ticket, TIMED_OUT, error="no answer in time")
        while self._waiting and now_s - self._waiting[0].due_s >= self.timeout_s:
            self._finish(self._waiting.popleft(), TIMED_OUT, error="never sent")

    async def _drain(self) -> None:
        while self._in_flight or self._waiting:
            self._sweep(time.perf_counter())
            await asyncio.sleep(0.01)

    def _close(self) -> None:
        for connection in list(self._open):
            connection.close()


def run_open_loop(
    target: Target,
    source: Source,
    rate: float,
    seconds: float,
    *,
    connections: int = 64,
    window_s: float = 5.0,
    first: int = 0,
    timeout_s: float = 5.0,
    observer: Observer | None = None,
) -> Summary:
    """A whole run on a uvloop of its own, for callers without a loop."""
    import uvloop

    load = Load(
        target,
        source,
        connections=connections,
        window_s=window_s,
        timeout_s=timeout_s,
        observer=observer,
    )
    return uvloop.run(load.open_loop(rate, seconds, first))
