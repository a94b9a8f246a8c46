"""A worker that sends without end and reads nothing is held back by its socket; the others are served."""

from __future__ import annotations

import asyncio
import socket
import time

from rtbplatform.kernel import ipc
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.ipc import Committed
from tests.integration.banker.machine import EVENT, machine

SUBMITS = 20_000


def flood(campaign: int) -> bytes:
    """More debits than a socket and the banker's answers to them could ever hold."""
    now_ms = time.time_ns() // 1_000_000
    wants = [ipc.Want(0, campaign * 10, campaign, 1)]
    return b"".join(
        ipc.frame(ipc.Submit(uuid7(now_ms), 1, 1, now_ms, wants, EVENT, [])) for _ in range(SUBMITS)
    )


async def test_a_flooding_worker_is_held_back_and_loses_nothing() -> None:
    async with machine({7: 10_000_000}) as m:
        good = await m.worker()
        await m.funded(good, 7, 100_000)
        flooding = socket.socket(socket.AF_UNIX)
        flooding.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(flooding, str(m.banker.socket))
        message = ipc.frame(ipc.Hello(99, 1)) + flood(7)
        sending = asyncio.create_task(loop.sock_sendall(flooding, message))
        # What it is not told of is not committed without end: its own answers, unread, stop the reading of it.
        for _ in range(50):
            assert isinstance(await m.debit(good, (7, 1)), Committed)
        assert not sending.done()
        reader, answered = ipc.FrameReader(), 0
        while answered < SUBMITS:
            for body in reader.feed(await loop.sock_recv(flooding, 1 << 20)):
                told = ipc.decode_to_worker(body)
                answered += len(told.debits) if isinstance(told, ipc.Acks) else 0
                answered += isinstance(told, ipc.Refused)
        await sending
        flooding.close()
        await m.settled()
        assert m.treasury.delivered() <= 10_000_000
