"""The bid path's connection to Redis: what all requests of a loop turn want goes out in one write.

Replies come in the order of the commands, so that each is matched by its place. A lost connection answers everything
outstanding with None at once and is opened again, first at once, then with growing pauses.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, cast

import hiredis

from bidder.edge.wheel import FutureExpiry, Wheel
from bidder.enrich.redis_address import RedisAddress

BACKOFF_MIN_S = 0.05
BACKOFF_MAX_S = 2.0
CONNECT_TIMEOUT_S = 2.0
OUTSTANDING_MAX = 50_000
"""Replies waited for; above it Redis is not keeping up, and requests go on without."""

log = logging.getLogger(__name__)

Replies = list[Any]


class _Batch:
    """The replies that one request waits for; without a future, nobody does."""

    __slots__ = ("future", "missing", "replies")

    def __init__(self, missing: int, future: asyncio.Future[Any] | None) -> None:
        self.missing = missing
        self.future = future
        self.replies: Replies = []


class RedisLink(asyncio.Protocol):
    """Owns one connection. `ask` reads within a deadline; `tell` writes and waits for nobody."""

    def __init__(self, address: RedisAddress, wheel: Wheel) -> None:
        self._address = address
        self._wheel = wheel
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._out: list[bytes] = []
        self._pending: deque[_Batch] = deque()
        self._outstanding = 0
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.refused = 0
        """Commands not sent, because there was no connection or too much outstanding."""
        self.errors = 0
        """Error replies of commands that nobody waits for."""

    @property
    def connected(self) -> bool:
        return self._transport is not None

    async def start(self) -> None:
        """Connects once if it can, and keeps connecting from then on. Never raises for an absent Redis."""
        self._lost.clear()
        await self._connect()
        self._task = self._loop.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Writes what is still to be told, then closes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._flush()
        if self._transport is not None:
            self._transport.close()

    async def ask(self, commands: bytes, count: int, deadline_s: float) -> Replies | None:
        """The replies of `count` encoded commands; None when they are not there by `deadline_s` (perf_counter)."""
        if self._transport is None or self._outstanding > OUTSTANDING_MAX:
            self.refused += count
            return None
        future: asyncio.Future[Any] = self._loop.create_future()
        self._put(commands, _Batch(count, future))
        self._wheel.add(deadline_s, FutureExpiry(future))
        replies: Replies | None = await future
        return replies

    def tell(self, commands: bytes, count: int) -> None:
        """Sends `count` encoded commands with the next write. Lost when Redis is away: only counters go this way."""
        if self._transport is None or self._outstanding > OUTSTANDING_MAX:
            self.refused += count
            return
        self._put(commands, _Batch(count, None))

    def _put(self, commands: bytes, batch: _Batch) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(commands)
        self._pending.append(batch)
        self._outstanding += batch.missing

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._reader = hiredis.Reader()
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        if self._address.greeting_replies:
            self._transport.write(self._address.greeting)
            self._pending.append(_Batch(self._address.greeting_replies, None))
            self._outstanding += self._address.greeting_replies

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except hiredis.ProtocolError as error:
            log.warning("Redis answered what is not its protocol: %s", error)
            self._abort()
        except Exception:
            log.exception("reading from Redis failed")
            self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._out.clear()
        pending, self._pending = self._pending, deque()
        self._outstanding = 0
        for batch in pending:
            if batch.future is not None and not batch.future.done():
                batch.future.set_result(None)
        self._lost.set()
        log.info("Redis connection lost: %s", exc or "closed")

    def _take(self, reply: Any) -> None:
        batch = self._pending[0]
        batch.replies.append(reply)
        batch.missing -= 1
        self._outstanding -= 1
        if batch.future is None and isinstance(reply, hiredis.ReplyError):
            self.errors += 1
            if self.errors == 1:
                log.warning("Redis refused a command: %s", reply)
        if not batch.missing:
            self._pending.popleft()
            if batch.future is not None and not batch.future.done():
                batch.future.set_result(batch.replies)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self) -> bool:
        address = self._address
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if address.path:
                    await self._loop.create_unix_connection(lambda: self, address.path)
                else:
                    await self._loop.create_connection(
                        lambda: self, address.host, address.port, ssl=address.tls
                    )
        except (OSError, TimeoutError) as error:
            log.debug("Redis does not connect: %s", error)
            return False
        return True

    async def _keep_connected(self) -> None:
        pause_s = BACKOFF_MIN_S
        while True:
            if self._transport is None and not await self._connect():
                await asyncio.sleep(pause_s)
                pause_s = min(BACKOFF_MAX_S, pause_s * 2)
                continue
            pause_s = BACKOFF_MIN_S
            await self._lost.wait()
            self._lost.clear()
