"""The bid path's Redis connection on a real Redis: batching, deadlines, and its end and return."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import redis.asyncio

from bidder.edge.wheel import Wheel
from bidder.enrich.enricher import Enricher
from bidder.enrich.redis_address import encode_command, parse_redis_url
from bidder.enrich.redis_link import RedisLink
from rtbplatform.kernel import wire
from tests.integration.bidder.conftest import Until
from tests.integration.bidder.servers import RedisServer

NOW_MS = 1_800_000_000_000
PING = encode_command(b"PING")


@contextlib.asynccontextmanager
async def link_to(url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(parse_redis_url(url), Wheel(asyncio.get_running_loop()))
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


def soon() -> float:
    return time.perf_counter() + 2.0


async def test_each_request_gets_its_own_replies_in_order(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        asked = [link.ask(encode_command(b"ECHO", b"%d" % n) + PING, 2, soon()) for n in range(500)]
        found = await asyncio.gather(*asked)
        assert found == [[b"%d" % n, b"PONG"] for n in range(500)]


async def test_it_uses_the_database_of_the_url(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        await link.ask(encode_command(b"SET", b"k", b"v"), 1, soon())
        client = redis.asyncio.Redis.from_url(redis_server.url)
        assert await client.get("k") == b"v"
        await client.aclose()


async def test_a_late_redis_is_done_without(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        with redis_server.stopped():
            started = time.perf_counter()
            assert await link.ask(PING, 1, started + 0.005) is None
            assert time.perf_counter() - started < 0.1
        assert await link.ask(encode_command(b"ECHO", b"next"), 1, soon()) == [b"next"]


async def test_a_killed_redis_answers_nobody_and_comes_back(
    redis_server: RedisServer, until: Until
) -> None:
    async with link_to(redis_server.url) as link:
        await redis_server.kill()
        await until(lambda: not link.connected)
        assert await link.ask(PING, 1, soon()) is None
        await redis_server.start()
        await until(lambda: link.connected)
        assert await link.ask(PING, 1, soon()) == [b"PONG"]


async def test_requests_under_way_when_redis_dies_go_on_at_once(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        with redis_server.stopped():
            asked = asyncio.create_task(link.ask(PING, 1, time.perf_counter() + 30))
            await asyncio.sleep(0)
            await redis_server.kill()
            assert await asyncio.wait_for(asked, 5) is None
            await redis_server.start()


async def test_an_absent_redis_does_not_stop_the_start(redis_server: RedisServer) -> None:
    await redis_server.kill()
    async with link_to(redis_server.url) as link:
        assert not link.connected
        await redis_server.start()


async def test_what_is_known_of_a_user_is_read_in_one_go(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        enricher = Enricher(link)
        client = redis.asyncio.Redis.from_url(redis_server.url)
        await client.set(
            wire.profile_key("ab"), b"\x82\xa8segments\x91\xa1s\xa4risk\xcb" + bytes(8)
        )
        enricher.count_answers("ab", [(7, 3600)], NOW_MS)
        caps = [(7, 3600), (8, 86400)]
        found = await enricher.enrich("ab", caps, {"ip": "ff"}, NOW_MS, soon())
        assert found.profile is not None
        assert found.profile.segments == ["s"]
        assert found.cap_counts == {(7, 3600): 1}
        assert found.velocity == {"ip": 1}
        again = await enricher.enrich("ab", caps, {"ip": "ff"}, NOW_MS, soon())
        assert again.velocity == {"ip": 2}
        await client.aclose()


async def test_every_counter_it_makes_ends(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        enricher = Enricher(link)
        await enricher.enrich("", [], {"ip": "ff", "device": "dd"}, NOW_MS, soon())
        enricher.count_answers("ab", [(7, 3600)], NOW_MS)
        await link.ask(PING, 1, soon())
        client = redis.asyncio.Redis.from_url(redis_server.url)
        keys = await client.keys("*")
        assert len(keys) == 3
        assert all([await client.ttl(key) > 0 for key in keys])
        await client.aclose()


async def test_without_redis_nothing_is_known_and_it_is_said(redis_server: RedisServer) -> None:
    await redis_server.kill()
    async with link_to(redis_server.url) as link:
        found = await Enricher(link).enrich("ab", [(7, 60)], {"ip": "ff"}, NOW_MS, soon())
        assert found.degraded
        assert found.cap_counts is None
        await redis_server.start()


async def test_no_user_and_no_limits_means_no_question(redis_server: RedisServer) -> None:
    await redis_server.kill()
    async with link_to(redis_server.url) as link:
        assert not (await Enricher(link).enrich("", [(7, 60)], {}, NOW_MS, soon())).degraded
        await redis_server.start()
