"""Postgres and Redis of a run: the embedded ones where no URL is given, started, waited for, and their URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from rtbplatform.local import postgres, redis_server
from rtbplatform.local.folders import Folders
from rtbplatform.local.process import Spec
from rtbplatform.local.state import ServersState
from rtbplatform.local.supervisor import Supervisor


class Servers(Struct, frozen=True, kw_only=True):
    """Where the stores are, and which of them we run ourselves."""

    database_url: str
    redis_urls: dict[str, str]
    """Per region; the first is also the global one (broker, cache)."""
    specs: tuple[Spec, ...]


def prepare(
    folders: Folders,
    state: ServersState,
    *,
    database_url: str = "",
    redis_url: str = "",
    throw_away: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Servers:
    """Finds binaries, makes data folders and configurations. Raises LocalError. Given URLs win."""
    specs: list[Spec] = []
    if not database_url:
        assert state.postgres is not None
        folder, binaries = folders.var / "postgres", postgres.find_binaries()
        identity = postgres.choose_identity(folder, binaries)
        if postgres.stop_stale(folder):
            tell("Stopped a Postgres that an earlier run had left running.")
        if not (folder / "data").exists():
            tell(f"Making a Postgres database in {folder}")
        postgres.initialise(folder, binaries, identity, state.postgres.password)
        log = folders.logs / "postgres.log"
        specs.append(
            postgres.spec(
                folder, binaries, identity, state.postgres.port, log, throw_away=throw_away
            )
        )
        database_url = postgres.url(state.postgres)
    if redis_url:
        redis_urls = dict.fromkeys(state.redis, redis_url)
    else:
        binary = redis_server.find_binary()
        redis_urls = {}
        for region, endpoint in state.redis.items():
            name = "redis" if len(state.redis) == 1 else f"redis-{region}"
            folder = folders.var / "redis" / region
            specs.append(
                redis_server.spec(name, folder, binary, endpoint, folders.logs / f"{name}.log")
            )
            redis_urls[region] = redis_server.url(endpoint)
    return Servers(database_url=database_url, redis_urls=redis_urls, specs=tuple(specs))


async def start(servers: Servers, state: ServersState, supervisor: Supervisor) -> None:
    """Starts ours, waits for all. Raises LocalError when one does not answer or dies again and again."""
    supervisor.start(servers.specs)
    waits = [redis_server.wait_until_ready(url) for url in set(servers.redis_urls.values())]
    if any(spec.name == "postgres" for spec in servers.specs):
        assert state.postgres is not None
        waits.append(postgres.create_database(state.postgres))
    else:
        waits.append(postgres.wait_until_ready(servers.database_url, timeout_s=10))
    await or_failure(supervisor, asyncio.gather(*waits))


async def or_failure(supervisor: Supervisor, work: Awaitable[object]) -> None:
    """Waits for `work`, unless the run becomes hopeless before. Raises LocalError then."""
    task = asyncio.ensure_future(work)
    failure = asyncio.ensure_future(supervisor.failure())
    try:
        await asyncio.wait((task, failure), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await failure
        await task
    finally:
        task.cancel()
        failure.cancel()
        await asyncio.gather(task, failure, return_exceptions=True)
