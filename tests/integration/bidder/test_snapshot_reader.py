"""The snapshot reader on a real Redis: news, lost news, old and foreign snapshots, pacing, quotas' shares."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec
import redis.asyncio

from bidder.snapshot_reader import SnapshotReader
from rtbplatform.kernel import snapshot as snapshots
from rtbplatform.kernel import wire
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.snapshot import Snapshot
from tests.integration.bidder.conftest import Until
from tests.integration.bidder.platform import SECRET, make_snapshot
from tests.integration.bidder.servers import RedisServer


class Heard:
    def __init__(self) -> None:
        self.markets: list[int] = []
        self.pacing: list[dict[int, float]] = []
        self.workers: list[int] = []


@contextlib.asynccontextmanager
async def reading(url: str, heard: Heard) -> AsyncIterator[SnapshotReader[Snapshot]]:
    reader: SnapshotReader[Snapshot] = SnapshotReader(
        url,
        SECRET,
        "local",
        compile_market=lambda snapshot: snapshot,
        on_market=lambda market, _: heard.markets.append(market.version),
        on_pacing=heard.pacing.append,
        on_workers=heard.workers.append,
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def publish(url: str, version: int, secret: str = SECRET, *, news: bool = True) -> None:
    client = redis.asyncio.Redis.from_url(url)
    sealed = snapshots.seal(derive(secret, wire.SNAPSHOT_PURPOSE), make_snapshot(version))
    await client.set(wire.SNAPSHOT_BLOB, sealed)
    await client.set(wire.SNAPSHOT_VERSION, version)
    if news:
        await client.publish(wire.SNAPSHOT_CHANNEL, str(version))
    await client.aclose()


async def test_what_is_there_is_read_at_start_and_news_after_it(
    redis_server: RedisServer, until: Until
) -> None:
    heard = Heard()
    await publish(redis_server.url, 3)
    async with reading(redis_server.url, heard):
        assert heard.markets == [3]
        await publish(redis_server.url, 4)
        await until(lambda: heard.markets == [3, 4])


async def test_lost_news_are_found_by_looking(redis_server: RedisServer, until: Until) -> None:
    heard = Heard()
    async with reading(redis_server.url, heard):
        await publish(redis_server.url, 1, news=False)
        await until(lambda: heard.markets == [1])


async def test_older_versions_and_foreign_seals_are_rejected(redis_server: RedisServer) -> None:
    heard = Heard()
    await publish(redis_server.url, 5)
    async with reading(redis_server.url, heard) as reader:
        await publish(redis_server.url, 4)
        await reader.refresh()
        await publish(redis_server.url, 6, "another secret of thirty-two characters")
        await reader.refresh()
        assert heard.markets == [5]
        assert reader.version == 5
        assert reader.rejected >= 1


async def test_a_redis_that_comes_back_empty_changes_nothing(
    redis_server: RedisServer, until: Until
) -> None:
    heard = Heard()
    await publish(redis_server.url, 5)
    async with reading(redis_server.url, heard):
        await redis_server.kill()
        await redis_server.start()
        await publish(redis_server.url, 6)
        await until(lambda: heard.markets == [5, 6])


async def test_pacing_and_the_number_of_workers_are_read(redis_server: RedisServer) -> None:
    client = redis.asyncio.Redis.from_url(redis_server.url)
    await client.set(wire.PACING, msgspec.msgpack.encode(wire.Pacing(1, {7: 0.5})))
    for pod, workers in (("a", 2), ("b", 3)):
        health = wire.PodHealth("local", pod, 0, workers, 1, {}, {}, {}, {})
        await client.set(wire.health_key("local", pod), msgspec.msgpack.encode(health))
    heard = Heard()
    async with reading(redis_server.url, heard):
        assert heard.pacing == [{7: 0.5}]
        assert heard.workers == [5]
    await client.aclose()
