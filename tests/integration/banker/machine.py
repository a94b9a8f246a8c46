"""A machine in a test: a private Redis, the real banker process, workers' clients."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bidder.reserve.client import BankerClient
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.ipc import Committed, Want
from rtbplatform.local import ports, redis_server
from tests.integration.banker.peer import TreasuryPeer

SECRET = "a secret of the tests, long enough to be one"
EVENT = b"e" * 1500


class PrivateRedis:
    """A real server that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = ports.choose()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        argv = (str(redis_server.find_binary()), "--port", str(self.port), "--save", "")
        self._process = await asyncio.create_subprocess_exec(
            *argv, "--dir", str(self._folder), stdout=asyncio.subprocess.DEVNULL
        )
        await redis_server.wait_until_ready(self.url)

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            return
        self._process.kill()
        await self._process.wait()


class BankerProcess:
    """`python -m bidder.banker`, or a test's `module` around it."""

    def __init__(self, folder: Path, redis_url: str, **environ: str) -> None:
        self.module = "bidder.banker"
        self.socket = folder / "banker.sock"
        self.outboxes = folder / "outbox"
        self.log = folder / "banker.log"
        self._environ = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": redis_url,
            "RTB_SECRET": SECRET,
            "REGION": "test",
            "BANKER_SOCKET": str(self.socket),
            "OUTBOX_DIR": str(self.outboxes),
            "MACHINE_ID": "machine-of-the-tests",
            **environ,
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module),
                env=self._environ,
                stderr=log,
            )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    def said(self) -> str:
        return self.log.read_text()


class Machine:
    """What a test plays with."""

    def __init__(self, folder: Path, budgets: dict[int, int], **environ: str) -> None:
        self.redis = PrivateRedis(folder)
        self.banker = BankerProcess(folder, self.redis.url, **environ)
        self.treasury = TreasuryPeer(self.redis.url, SECRET, budgets)
        self.clients: list[BankerClient] = []
        self.acknowledged: dict[bytes, int] = {}
        self._numbers = itertools.count()

    async def end(self) -> None:
        """Workers first, then the banker."""
        for client in self.clients:
            await client.stop()
        await self.banker.stop()

    async def settled(self) -> None:
        """Ends this machine's streams, and waits until the treasury has them all."""
        await self.end()
        await self.treasury.until(self.treasury.is_quiet)
        self.treasury.check()

    async def worker(self) -> BankerClient:
        """A connected worker."""
        client = BankerClient(str(self.banker.socket), next(self._numbers), lambda: None)
        self.clients.append(client)
        await client.start()
        await until(lambda: client.connected)
        return client

    async def funded(self, client: BankerClient, campaign: int, micros: int) -> None:
        """Waits until the campaign can spend at least this much."""

        def is_funded() -> bool:
            if client.fundable.get(campaign, 0) >= micros:
                return True
            client.want(campaign * 10, campaign, micros)
            return False

        await until(is_funded)

    async def debit(
        self, client: BankerClient, *wants: tuple[int, int], report: str = "sent"
    ) -> object:
        """One submit of (campaign, micros) pairs, reported at once when committed."""
        now_ms = time.time_ns() // 1_000_000
        debit_id = uuid7(now_ms)
        listed = [Want(imp, c * 10, c, micros) for imp, (c, micros) in enumerate(wants)]
        answer = await client.submit(debit_id, 1, 1, now_ms, listed, EVENT, [])
        if isinstance(answer, Committed):
            self.acknowledged[debit_id] = sum(micros for _, micros in wants)
            if report == "sent":
                client.report_sent(debit_id)
            elif report == "void":
                client.report_void(debit_id)
        return answer


async def until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    """Waits for a condition that nobody announces."""
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110 - other processes set no events here
            await asyncio.sleep(0.005)


@asynccontextmanager
async def machine(
    budgets: dict[int, int], *, start: bool = True, **environ: str
) -> AsyncIterator[Machine]:
    """With its treasury, and its banker started unless the test does."""
    with tempfile.TemporaryDirectory(prefix="bk-", ignore_cleanup_errors=True) as name:
        made = Machine(Path(name), budgets, **environ)
        await made.redis.start()
        if start:
            await made.banker.start()
        try:
            async with made.treasury:
                yield made
                await made.end()
        except BaseException:
            sys.stderr.write(made.banker.said())
            raise
        finally:
            await made.end()
            await made.redis.kill()


def admin(url: str) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(url, retry=Retry(NoBackoff(), 0))
