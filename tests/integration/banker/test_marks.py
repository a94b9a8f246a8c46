"""Marks, censuses and notices in the real process, over real Redis."""

from __future__ import annotations

import time

from bidder.reserve.client import BankerClient
from rtbplatform.kernel import stream, wire
from rtbplatform.kernel.ids import uuid7
from tests.integration.banker.machine import Machine, machine, until

CLAIM = stream.Claim("billing", 0, 70, 7, 1, b"l" * 16, 1_000, 900)


async def notice(client: BankerClient, claim: stream.Claim | None) -> bool:
    now_ms = time.time_ns() // 1_000_000
    return await client.notice(uuid7(now_ms), 1, 1, now_ms, b"d" * 16, b"event", claim)


def entries(m: Machine, incarnation: bytes) -> list[stream.Entry]:
    return m.treasury.streams[incarnation].entries


async def test_a_mark_is_settled_after_the_notice_that_was_acknowledged_before_it() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        (incarnation,) = m.treasury.streams
        assert await notice(worker, CLAIM)
        for _ in range(2):
            await m.treasury.tell(incarnation, wire.Mark(3, 0))
        await m.treasury.until(
            lambda: any(isinstance(e, stream.MarkEntry) for e in entries(m, incarnation))
        )
        await m.settled()
        kinds = [type(entry) for entry in entries(m, incarnation)]
        assert kinds.index(stream.NoticeEntry) < kinds.index(stream.MarkEntry)
        assert kinds.count(stream.MarkEntry) == 1


async def test_a_notice_about_money_waits_until_the_treasury_knows_the_banker() -> None:
    async with machine({7: 1_000_000}) as m:
        await m.redis.kill()
        await m.banker.kill()
        await m.banker.start()
        worker = await m.worker()
        assert await notice(worker, None)
        assert not await notice(worker, CLAIM)
        await m.redis.start()
        await m.funded(worker, 7, 1000)
        assert await notice(worker, CLAIM)


async def test_a_registration_says_what_lies_on_the_disk_and_how_long_the_stream_is() -> None:
    async with machine({7: 1_000_000}) as m:
        await m.worker()
        await m.treasury.until(lambda: m.treasury.registered)
        await m.banker.kill()
        damaged = m.banker.outboxes / "quarantine" / ("0" * 8 + "-0000-4000-8000-" + "0" * 12)
        damaged.with_suffix(".sqlite").touch()
        await m.banker.start()
        (dead_stream,) = m.treasury.streams.values()
        await m.treasury.until(
            lambda: len(m.treasury.streams) == 2 and dead_stream.state == "closed"
        )
        await m.settled()
        first, *others = m.treasury.registered
        assert first.found == [first.incarnation]
        (live,) = {one.incarnation for one in others if one.found is not None}
        told = next(one for one in others if one.incarnation == live)
        assert told.found == sorted([first.incarnation, live])
        assert [copy.hex()[-12:] for copy in told.copies] == ["0" * 12]
        dead = next(one for one in others if one.found is None)
        assert (dead.incarnation, dead.last_seq > 0) == (first.incarnation, True)


async def test_a_census_has_the_outboxes_at_rest_registered_and_shipped_again() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.debit(worker, (7, 1000))
        await m.settled()
        (first,) = m.treasury.streams
        entries_before = list(entries(m, first))
        m.treasury.restore_from_nothing()
        await m.banker.start()
        await m.treasury.until(lambda: m.treasury.streams)
        (live,) = m.treasury.streams
        await m.treasury.tell(live, wire.Mark(9, 9))
        await m.treasury.until(
            lambda: first in m.treasury.streams and m.treasury.streams[first].state == "closed"
        )
        assert entries(m, first) == entries_before
        m.treasury.check()


async def test_a_banker_without_redis_ends_without_waiting_for_it() -> None:
    async with machine({7: 1_000_000}) as m:
        worker = await m.worker()
        await m.funded(worker, 7, 1000)
        await m.redis.kill()
        await until(lambda: "Redis is gone" in m.banker.said())
        await m.clients[0].stop()
        assert await m.banker.stop() == 0
        assert "stopped without a treasury" in m.banker.said()
        await m.redis.start()


async def test_a_banker_that_no_treasury_ever_answered_ends_without_waiting_for_one() -> None:
    async with machine({7: 1_000_000}, start=False) as m:
        m.treasury.is_away = True
        await m.banker.start()
        worker = await m.worker()
        await worker.stop()
        assert await m.banker.stop() == 0
        assert "stopped without a treasury" in m.banker.said()
