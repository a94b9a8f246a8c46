"""A DSP's connections: idle ones kept warm, opened ahead of need, never more than its in-flight limit."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from time import perf_counter

from bidder.demand.dsp.call import Call
from bidder.demand.dsp.connection import Connection
from bidder.demand.dsp.endpoint import Endpoint

OPEN_AHEAD = 8
OPEN_TIMEOUT_S = 1.0
DRAIN_S = 1.0
"""How long an answer may come after its request was sent; then the connection is closed."""
PEAK_KEPT_S = 60.0
RESOLVE_AGAIN_S = 30.0
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 5.0

log = logging.getLogger(__name__)


class Pool:
    """Calls go out on the most recently used idle connection; others wait, in order, for one to be opened or freed."""

    def __init__(
        self, slug: str, endpoint: Endpoint, in_flight_max: int, body_bytes_max: int
    ) -> None:
        self.slug = slug
        self.endpoint = endpoint
        self.in_flight_max = in_flight_max
        self.body_bytes_max = body_bytes_max
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Connection, None] = {}
        self._busy: dict[Connection, None] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[Call] = deque()
        self._addresses: list[str] = []
        self._resolved_s = 0.0
        self._rotation = 0
        self._backoff_s = 0.0
        self._open_after_s = 0.0
        self._cause = ""
        self._peak = 0
        self._peak_s = perf_counter()
        self._closed = False

    def use_tls(self, context: ssl.SSLContext) -> None:
        self._tls = context

    @property
    def in_flight(self) -> int:
        """Requests that the DSP has or will have: waiting, asked, and past their deadline but not answered."""
        return len(self._busy) + len(self._waiting)

    @property
    def open_connections(self) -> int:
        return len(self._idle) + len(self._busy)

    def refusal(self, now_s: float) -> str:
        """Why a call would not even be tried now; empty = it would."""
        if self.in_flight >= self.in_flight_max:
            return "in_flight"
        if now_s < self._open_after_s and not self._idle and not self._busy:
            return f"unreachable: {self._cause}"
        return ""

    def submit(self, call: Call) -> None:
        """Asks, now or when a connection is there. The call ends by itself; the caller sees to its deadline."""
        if self._idle:
            self._send(self._idle.popitem()[0], call)
            return
        self._waiting.append(call)
        self._peak = max(self._peak, self.in_flight)
        self._open(len(self._waiting) - len(self._opening))

    def retry(self, call: Call, *, reused: bool) -> bool:
        """A connection closed before a byte of the answer: a DSP's keep-alive had ended. Once more, if there is time.

        Only on a reused connection: a new one that closes at once is the DSP's answer.
        """
        if not reused or call.retried or self._closed or perf_counter() >= call.deadline_s:
            return False
        call.retried = True
        self._waiting.append(call)
        self._open(1)
        return True

    def free(self, connection: Connection) -> None:
        """A connection has its answer and can be used again."""
        self._busy.pop(connection, None)
        call = self._next_waiting()
        if call is not None:
            self._send(connection, call)
        elif self._closed:
            connection.close()
        else:
            self._idle[connection] = None

    def lost(self, connection: Connection) -> None:
        """A connection is closed."""
        self._idle.pop(connection, None)
        self._busy.pop(connection, None)
        if self._waiting and not self._closed:
            self._open(1)

    def tend(self, now_s: float) -> None:
        """Housekeeping, some times a second: closes what drains too long, opens ahead of need."""
        for connection in [c for c in self._busy if now_s - c.sent_s > DRAIN_S]:
            connection.close()
        while self._waiting and self._waiting[0].outcome:
            self._waiting.popleft()
        self._peak = max(self._peak, self.in_flight)
        if now_s - self._peak_s > PEAK_KEPT_S:
            self._peak = self.in_flight
            self._peak_s = now_s
        ahead = max(OPEN_AHEAD, self._peak + self._peak // 4)
        self._open(ahead - self.open_connections - len(self._opening))

    async def close(self) -> None:
        """Closes all connections; calls still out end as failed."""
        self._closed = True
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in [*self._idle, *self._busy]:
            connection.close()
        while self._waiting:
            self._waiting.popleft().failed("shutting down")

    def _send(self, connection: Connection, call: Call) -> None:
        self._busy[connection] = None
        self._peak = max(self._peak, len(self._busy))
        connection.send(call)

    def _next_waiting(self) -> Call | None:
        while self._waiting:
            call = self._waiting.popleft()
            if not call.outcome:
                return call
        return None

    def _open(self, wanted: int) -> None:
        room = self.in_flight_max - self.open_connections - len(self._opening)
        if self._closed or perf_counter() < self._open_after_s:
            return
        for _ in range(min(wanted, room)):
            task = self._loop.create_task(self._open_one())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open_one(self) -> None:
        connection = Connection(self)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                address = await self._address()
                await self._loop.create_connection(
                    lambda: connection,
                    address,
                    self.endpoint.port,
                    ssl=self._tls if self.endpoint.tls else None,
                    server_hostname=self.endpoint.host if self.endpoint.tls else None,
                )
        except (OSError, TimeoutError) as error:
            self._opening_failed(str(error) or "timeout")
            return
        self._backoff_s = 0.0
        self._open_after_s = 0.0
        self.free(connection)

    async def _address(self) -> str:
        """The next of the host's addresses; asked again when they are older than half a minute."""
        now_s = perf_counter()
        if not self._addresses or now_s - self._resolved_s > RESOLVE_AGAIN_S:
            self._resolved_s = now_s
            found = await self._loop.getaddrinfo(
                self.endpoint.host, self.endpoint.port, type=1, proto=6
            )
            self._addresses = [str(entry[4][0]) for entry in found]
        self._rotation += 1
        return self._addresses[self._rotation % len(self._addresses)]

    def _opening_failed(self, cause: str) -> None:
        self._cause = cause[:120]
        self._addresses = []
        if self._closed:
            return
        self._backoff_s = min(BACKOFF_MAX_S, max(BACKOFF_MIN_S, self._backoff_s * 2))
        self._open_after_s = perf_counter() + self._backoff_s
        if self.open_connections:
            return  # those waiting may still get one of these
        while (call := self._next_waiting()) is not None:
            call.failed(f"unreachable: {self._cause}")
