"""Real embedded Postgres and Redis: started, killed, started again, and two checkouts at once."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from rtbplatform.local import postgres, redis_server, servers
from rtbplatform.local.folders import Folders, tail
from rtbplatform.local.state import choose_endpoints
from rtbplatform.local.supervisor import Supervisor


@asynccontextmanager
async def checkout(
    regions: tuple[str, ...] = ("local",),
) -> AsyncIterator[tuple[servers.Servers, Supervisor]]:
    """The servers of a checkout of their own, in a folder that Postgres's user can reach."""
    with tempfile.TemporaryDirectory(prefix="rtb-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        async with servers_in(Folders(var=Path(name)), regions) as running:
            yield running


@asynccontextmanager
async def servers_in(
    folders: Folders, regions: tuple[str, ...] = ("local",)
) -> AsyncIterator[tuple[servers.Servers, Supervisor]]:
    folders.create()
    supervisor = Supervisor(folders.children_file)
    state = choose_endpoints(folders.state_file, regions)
    running = servers.prepare(folders, state)
    try:
        await servers.start(running, state, supervisor)
        supervisor.ready = True
        yield running, supervisor
    finally:
        await supervisor.stop()


async def query(url: str, sql: str) -> object:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(sql)  # type: ignore[arg-type]
        return (await cursor.fetchone() or [None])[0] if cursor.description else None


async def test_a_killed_postgres_comes_back_with_what_was_committed() -> None:
    async with checkout() as (running, supervisor):
        await query(running.database_url, "CREATE TABLE t AS SELECT 42 AS x")
        os.kill(supervisor.children["postgres"].pid, signal.SIGKILL)
        await supervisor.children["postgres"].wait()
        await postgres.wait_until_ready(running.database_url, timeout_s=20)
        assert await query(running.database_url, "SELECT x FROM t") == 42


async def test_a_killed_redis_comes_back_empty() -> None:
    async with checkout() as (running, supervisor):
        url = running.redis_urls["local"]
        with redis.Redis.from_url(url) as client:
            client.set("a", 1)
            os.kill(supervisor.children["redis"].pid, signal.SIGKILL)
        await supervisor.children["redis"].wait()
        await redis_server.wait_until_ready(url, timeout_s=20)
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0


async def test_redis_never_evicts() -> None:
    async with checkout() as (running, _):
        with redis.Redis.from_url(running.redis_urls["local"]) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


async def test_redis_wants_its_password() -> None:
    async with checkout() as (running, _):
        port = int(running.redis_urls["local"].rpartition(":")[2].partition("/")[0])
        with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


async def test_each_region_has_its_own_redis() -> None:
    async with checkout(("r1", "r2")) as (running, supervisor):
        assert len(set(running.redis_urls.values())) == 2
        assert {"redis-r1", "redis-r2"} <= supervisor.pids().keys()


async def test_two_checkouts_run_at_once() -> None:
    async with checkout() as (one, _), checkout() as (two, _):
        await query(one.database_url, "CREATE TABLE only_here (x int)")
        assert await query(two.database_url, "SELECT to_regclass('only_here')") is None


async def test_data_ports_and_passwords_survive_a_restart() -> None:
    with tempfile.TemporaryDirectory(prefix="rtb-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        async with servers_in(Folders(var=Path(name))) as (first, _):
            await query(first.database_url, "CREATE TABLE t AS SELECT 1 AS x")
        async with servers_in(Folders(var=Path(name))) as (second, _):
            assert second.database_url == first.database_url
            assert await query(second.database_url, "SELECT x FROM t") == 1


async def test_a_postgres_left_by_a_killed_run_is_stopped_by_the_next() -> None:
    with tempfile.TemporaryDirectory(prefix="rtb-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        folder = Path(name) / "postgres"
        async with servers_in(Folders(var=Path(name))) as (_, supervisor):
            stale = supervisor.children["postgres"]
            for keeper in supervisor._keepers.values():
                keeper.cancel()
            assert await asyncio.to_thread(postgres.stop_stale, folder)
            assert await stale.wait() == 0


async def test_postgres_stops_fast_although_a_client_is_connected() -> None:
    async with checkout() as (running, supervisor):
        async with await psycopg.AsyncConnection.connect(running.database_url):
            async with asyncio.timeout(10):
                await supervisor.stop()
        log = supervisor.children["postgres"].spec.log
        assert "database system is shut down" in tail(log)


@pytest.mark.skipif(
    os.getuid() != 0, reason="only root needs a way around Postgres's refusal of root"
)
async def test_postgres_runs_below_a_folder_that_only_root_may_enter() -> None:
    with tempfile.TemporaryDirectory(prefix="rtb-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o700)
        async with servers_in(Folders(var=Path(name))) as (running, _):
            assert await query(running.database_url, "SELECT 1") == 1
