"""What bidder tests share."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.integration.bidder.platform import Platform
from tests.integration.bidder.servers import RedisServer

Until = Callable[[Callable[[], bool]], Awaitable[None]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the bidder runs on: its transports differ from asyncio's in ways that matter here."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def redis_server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def until() -> Until:
    """Waits for a condition, five seconds at most."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - conditions of other processes have no event
                await asyncio.sleep(0.005)

    return wait


@pytest_asyncio.fixture
async def platform(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[Platform]:
    """Redis, banker and treasury; a test publishes a snapshot and starts the bidder."""
    folder = Path(tempfile.mkdtemp(prefix="rtb-", dir="/tmp"))  # unix sockets need short paths
    made = Platform(folder, redis_server)
    treasury = asyncio.create_task(made.treasury.run())
    await made.start_banker()
    yield made
    await made.stop_banker(
        signal.SIGKILL
    )  # SIGTERM would wait for a settlement that nobody looks at
    treasury.cancel()
    await asyncio.gather(treasury, return_exceptions=True)
    await made.treasury.close()
    shutil.rmtree(folder)
