"""Kills, lost mail, damaged and copied files: nothing acknowledged is lost, nothing comes back twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw

from bidder.reserve.client import BankerClient
from rtbplatform.kernel import wire
from rtbplatform.kernel.ids import uuid_text
from tests.integration.banker.machine import Machine, admin, machine, until


@asynccontextmanager
async def load(m: Machine, client: BankerClient, lanes: int = 20) -> AsyncIterator[None]:
    """Debits without end, in many lanes; they go on through losses of the banker."""

    async def lane() -> None:
        while True:
            if client.fundable.get(7, 0) < 1000:
                client.want(70, 7, 1000)
                await asyncio.sleep(0.005)
            else:
                await m.debit(client, (7, 1000))

    tasks = [asyncio.create_task(lane()) for _ in range(lanes)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def more_debits(m: Machine, count: int = 100) -> Callable[[], bool]:
    """Whether so many more were acknowledged than now."""
    target = len(m.acknowledged) + count
    return lambda: len(m.acknowledged) >= target


def outboxes(m: Machine) -> list[Path]:
    return sorted(m.banker.outboxes.glob("*.sqlite"))


async def test_three_kills_in_a_row_lose_nothing_that_was_acknowledged() -> None:
    async with machine({7: 10_000_000}) as m:
        client = await m.worker()
        async with load(m, client):
            for _ in range(3):
                await until(more_debits(m))
                await m.banker.kill()
                await m.banker.start()
            await until(more_debits(m))
        await m.settled()
        assert len(m.treasury.streams) == 4
        assert set(m.acknowledged) <= set(m.treasury.debits)
        assert m.treasury.free[7] == 10_000_000 - m.treasury.delivered()
        assert all(account.state == "sealed" for account in m.treasury.leases.values())


async def test_kills_without_redis_leave_files_that_are_all_settled_when_it_is_back() -> None:
    async with machine({7: 10_000_000}) as m:
        client = await m.worker()
        async with load(m, client):
            await until(more_debits(m))
            await m.redis.kill()
            for _ in range(3):
                await m.banker.kill()
                await m.banker.start()
                await until(lambda: client.connected)
            assert len(outboxes(m)) == 4
            await m.redis.start()
            await until(more_debits(m))
        await m.settled()
        assert set(m.acknowledged) <= set(m.treasury.debits)


async def test_bidding_goes_on_from_leases_while_redis_is_gone_and_comes_back_empty() -> None:
    async with machine({7: 100_000_000}) as m:
        client = await m.worker()
        async with load(m, client, lanes=2):
            await until(lambda: client.fundable.get(7, 0) > 500_000)
            await m.redis.kill()
            await until(more_debits(m, 50))
            await m.redis.start()
            await until(more_debits(m, 500))
        await m.settled()
        assert set(m.acknowledged) <= set(m.treasury.debits)


async def test_mail_that_is_forged_or_repeated_changes_nothing() -> None:
    async with machine({7: 1_000_000}) as m:
        client = await m.worker()
        await m.funded(client, 7, 1000)
        (incarnation,) = m.treasury.streams
        (account,) = m.treasury.leases.values()
        redis = admin(m.redis.url)
        await redis.rpush(wire.banker_mailbox(uuid_text(incarnation)), b"forged" * 10)
        await redis.aclose()
        for _ in range(3):
            await m.treasury.tell(incarnation, wire.Grant(account.lease))
        text = ""
        while 'rtb_leases_total{pod="pod0",verdict="repeated"} 3.0' not in text:
            text = await client.metrics_text() or ""
        assert client.fundable[7] == account.lease.amount_micros
        assert 'rtb_relay_bad_mail_total{pod="pod0"} 1.0' in text


async def test_a_recall_seals_and_the_money_returns() -> None:
    async with machine({7: 1_000_000}) as m:
        client = await m.worker()
        await m.funded(client, 7, 1000)
        await m.debit(client, (7, 1000))
        (account,) = m.treasury.leases.values()
        await m.treasury.tell(account.lease.incarnation, wire.Recall([account.lease.id]))
        await m.treasury.until(lambda: account.state == "sealed")
        m.treasury.check()
        await until(lambda: client.fundable.get(7, 0) != account.lease.amount_micros - 1000)


async def test_a_copied_outbox_is_quarantined_and_never_recovered() -> None:
    async with machine({7: 1_000_000}) as m:
        client = await m.worker()
        await m.funded(client, 7, 1000)
        await m.debit(client, (7, 1000))
        await m.banker.kill()
        (original,) = outboxes(m)
        copy = original.with_name("copy.sqlite")
        shutil.copy2(original, copy)
        original.unlink()
        copy.rename(original)
        await m.banker.start()
        await until(lambda: client.connected)
        await until((m.banker.outboxes / "quarantine" / original.name).exists)
        await until(lambda: "it is a copy: its inode" in m.banker.said())
        (account,) = m.treasury.leases.values()
        assert account.state != "sealed"


async def test_a_torn_outbox_is_quarantined_and_the_banker_serves() -> None:
    async with machine({7: 10_000_000}) as m:
        client = await m.worker()
        async with load(m, client):
            await until(more_debits(m, 500))
            await m.redis.kill()
            await until(more_debits(m, 20))
        await m.banker.kill()
        (torn,) = outboxes(m)
        connection = apsw.Connection(str(torn))
        connection.execute(
            "UPDATE chunk SET payload = x'00' WHERE first_seq = (SELECT max(first_seq) FROM chunk)"
        )
        connection.close()
        await m.redis.start()
        await m.banker.start()
        await until((m.banker.outboxes / "quarantine" / torn.name).exists)
        await until(lambda: client.connected)
        await m.funded(client, 7, 1000)


async def test_a_truncated_outbox_is_quarantined() -> None:
    async with machine({7: 1_000_000}) as m:
        await m.worker()
        await m.banker.kill()
        (torn,) = outboxes(m)
        with torn.open("r+b") as file:
            file.truncate(100)
        await m.banker.start()
        await until((m.banker.outboxes / "quarantine" / torn.name).exists)


async def test_a_stopped_banker_ends_its_stream_and_exits_with_zero() -> None:
    async with machine({7: 1_000_000}) as m:
        client = await m.worker()
        await m.funded(client, 7, 1000)
        await client.stop()
        assert await m.banker.stop() == 0
        await m.treasury.until(m.treasury.is_quiet)
        assert m.treasury.free == {7: 1_000_000}


async def test_an_incarnation_that_the_treasury_has_put_to_quarantine_ends() -> None:
    async with machine({7: 1_000_000}) as m:
        client = await m.worker()
        await m.funded(client, 7, 1000)
        (incarnation,) = m.treasury.streams
        await m.treasury.tell(incarnation, wire.Cursor(incarnation, 0, "quarantined"))
        assert m.banker.process is not None
        assert await m.banker.process.wait() == 1
