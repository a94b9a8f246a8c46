"""A disk that is full or does not keep what it was given: nothing is acknowledged, the process ends, nothing is lost."""

from __future__ import annotations

import resource
from pathlib import Path

import apsw

from bidder.banker.app import EXIT_BROKEN
from bidder.reserve.client import Lost
from rtbplatform.kernel.ipc import Committed
from tests.integration.banker.failing_fsync import SIGN
from tests.integration.banker.machine import Machine, machine, until


def outbox_of(m: Machine) -> Path:
    (path,) = m.banker.outboxes.glob("*.sqlite")
    return path


async def some_debits(m: Machine) -> None:
    worker = await m.worker()
    await m.funded(worker, 7, 100_000)
    for _ in range(20):
        assert isinstance(await m.debit(worker, (7, 1000)), Committed)


async def ends_broken(m: Machine) -> None:
    """The next debit gets no acknowledgement, and the process is gone."""
    before = set(m.acknowledged)
    assert isinstance(await m.debit(m.clients[0], (7, 1000)), Lost)
    assert m.banker.process is not None
    assert await m.banker.process.wait() == EXIT_BROKEN
    assert set(m.acknowledged) == before
    assert "the banker cannot go on" in m.banker.said()


async def recovers(m: Machine) -> None:
    """The next start fences the outbox; its stream verifies in the treasury, and holds all that was acknowledged."""
    await m.banker.start()
    (dead,) = m.treasury.streams.values()
    await m.treasury.until(lambda: dead.state == "closed")
    await m.settled()
    assert set(m.acknowledged) <= set(m.treasury.debits)
    assert m.treasury.free[7] == m.treasury.budgets[7] - m.treasury.delivered()


async def test_a_full_disk_ends_the_banker_and_nothing_acknowledged_is_lost() -> None:
    async with machine({7: 1_000_000}) as m:
        await some_debits(m)
        wal = outbox_of(m).with_suffix(".sqlite-wal")
        assert m.banker.process is not None
        full = wal.stat().st_size
        resource.prlimit(m.banker.process.pid, resource.RLIMIT_FSIZE, (full, full))
        await ends_broken(m)
        await recovers(m)


async def test_a_failed_fsync_ends_the_banker_and_nothing_acknowledged_is_lost() -> None:
    async with machine({7: 1_000_000}, start=False) as m:
        m.banker.module = "tests.integration.banker.failing_fsync"
        await m.banker.start()
        await some_debits(m)
        (m.banker.socket.parent / SIGN).touch()
        await ends_broken(m)
        (m.banker.socket.parent / SIGN).unlink()
        m.banker.module = "bidder.banker"
        await recovers(m)


async def test_a_banker_without_a_disk_for_its_outbox_does_not_start() -> None:
    async with machine({7: 1_000_000}, start=False) as m:
        m.banker.outboxes.write_text("not a folder")
        await m.banker.start()
        assert m.banker.process is not None
        assert await m.banker.process.wait() == EXIT_BROKEN
        m.banker.outboxes.unlink()


async def test_an_outbox_settled_to_its_end_is_deleted_after_the_retention_window() -> None:
    async with machine({7: 1_000_000}) as m:
        await some_debits(m)
        await m.settled()
        settled = outbox_of(m)
        await m.banker.start()
        worker = await m.worker()
        assert settled.exists()
        await worker.stop()
        await m.banker.kill()
        connection = apsw.Connection(str(settled))
        assert connection.execute("SELECT closed_ms FROM cursor").get
        connection.execute("UPDATE cursor SET closed_ms = 1")
        connection.close()
        await m.banker.start()
        await until(lambda: not list(m.banker.outboxes.glob(f"{settled.stem}*")))
