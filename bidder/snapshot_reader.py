"""Brings a worker what the platform tells all bidders: the snapshot, pacing, and how many workers share a quota.

News of a snapshot is published, and its version looked at each second, because published news may be lost. A snapshot
is compiled in a thread, which takes the interpreter for 5 ms at a time at most (`sys.getswitchinterval`), and swapped
in with one assignment. When Redis is away, the last of everything stays in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

import msgspec
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from rtbplatform.kernel import snapshot, wire
from rtbplatform.kernel.keys import SealError, derive
from rtbplatform.kernel.snapshot import Snapshot

POLL_S = 1.0
SLOW_POLLS = 3
"""Health is read every so many polls."""
TIMEOUT_S = 2.0

M = TypeVar("M")
log = logging.getLogger(__name__)


class SnapshotReader(Generic[M]):
    """Reads until `stop`. `on_market(market, snapshot)` runs in the event loop, once per newer snapshot."""

    def __init__(
        self,
        redis_url: str,
        secret: str,
        region: str,
        *,
        compile_market: Callable[[Snapshot], M],
        on_market: Callable[[M, Snapshot], None],
        on_pacing: Callable[[dict[int, float]], None],
        on_workers: Callable[[int], None],
    ) -> None:
        self.version = 0
        self.rejected = 0
        """Blobs that were older, foreign or of another schema."""
        self._key = derive(secret, wire.SNAPSHOT_PURPOSE)
        self._health_pattern = wire.health_key(region, "*")
        self._redis = redis.asyncio.Redis.from_url(
            redis_url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self._compile = compile_market
        self._on_market = on_market
        self._on_pacing = on_pacing
        self._on_workers = on_workers
        self._news = asyncio.Event()
        self._pacing_made_ms = 0
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Reads once, as far as Redis is there, then keeps reading."""
        await self._attempt(self._refresh_all())
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen()), loop.create_task(self._poll())]

    async def stop(self) -> None:
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def refresh(self) -> None:
        """Takes the snapshot when it is newer. Raises RedisError, OSError when Redis is away."""
        published = await self._redis.get(wire.SNAPSHOT_VERSION)
        if published is None or int(published) <= self.version:
            return
        blob = await self._get(wire.SNAPSHOT_BLOB)
        if blob is not None:
            await self.take(blob)

    async def take(self, blob: bytes) -> None:
        """Compiles and swaps in a sealed snapshot, unless it is foreign, unreadable or not newer."""
        try:
            read = await asyncio.to_thread(snapshot.unseal, self._key, blob)
        except (SealError, msgspec.MsgspecError) as error:
            self._reject(f"snapshot rejected: {error}")
            return
        if read.version <= self.version or read.schema != snapshot.SNAPSHOT_SCHEMA:
            self._reject(f"snapshot {read.version} rejected: {self.version} is in force")
            return
        market = await asyncio.to_thread(self._compile, read)
        self.version = read.version
        self._on_market(market, read)
        log.info("snapshot %d in force", read.version)

    def _reject(self, reason: str) -> None:
        self.rejected += 1
        if self.rejected == 1:
            log.warning("%s", reason)

    async def _get(self, key: str | bytes) -> bytes | None:
        value = await self._redis.get(key)
        assert not isinstance(value, str), "the client decodes nothing"
        return value

    async def _refresh_all(self) -> None:
        await self._refresh_often()
        await self._refresh_workers()

    async def _refresh_often(self) -> None:
        """Pacing with every poll: the delay is part of its loop, and in rehearsals an interval is a second."""
        await self.refresh()
        await self._refresh_pacing()

    async def _refresh_pacing(self) -> None:
        raw = await self._get(wire.PACING)
        if raw is None:
            return
        pacing = msgspec.msgpack.decode(raw, type=wire.Pacing)
        # Not only newer ones: after a clock that was ahead they would be ignored for as long.
        if pacing.made_ms != self._pacing_made_ms:
            self._pacing_made_ms = pacing.made_ms
            self._on_pacing(pacing.participation)

    async def _refresh_workers(self) -> None:
        keys = [key async for key in self._redis.scan_iter(match=self._health_pattern, count=1000)]
        found = [await self._get(key) for key in keys]
        pods = [msgspec.msgpack.decode(raw, type=wire.PodHealth) for raw in found if raw]
        if pods:
            self._on_workers(sum(pod.workers for pod in pods))

    async def _poll(self) -> None:
        polls = 0
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the news.
                async with asyncio.timeout(POLL_S):
                    await self._news.wait()
            self._news.clear()
            polls += 1
            slow = polls % SLOW_POLLS == 0
            await self._attempt(self._refresh_all() if slow else self._refresh_often())

    async def _listen(self) -> None:
        while not self._stopping:
            with contextlib.suppress(RedisError, OSError):
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(wire.SNAPSHOT_CHANNEL)
                    self._news.set()  # what was published while nobody listened
                    while not self._stopping:
                        message = await channel.get_message(timeout=TIMEOUT_S)
                        if message is not None:
                            self._news.set()
            await asyncio.sleep(POLL_S)

    async def _attempt(self, reading: Coroutine[None, None, None]) -> None:
        try:
            await reading
        except (RedisError, OSError) as error:
            log.debug("Redis is away: %s", error)
        except (ValueError, msgspec.MsgspecError):
            log.exception("what was read from Redis cannot be used")
