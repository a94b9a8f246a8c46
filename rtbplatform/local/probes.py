"""How the supervisor finds out that a process is ready: it asks, briefly, and takes silence for no."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
ASKS_PER_BIDDER = 12
"""The kernel spreads connections over the bidders of a port at random: 12 asks a bidder miss one in 160,000 times."""


async def http_ok(url: str) -> bool:
    """Whether a GET on a new connection is answered with 200."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                head = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                writer.write(f"{head}Connection: close\r\n\r\n".encode())
                status = (await reader.readline()).split()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, ValueError):
        return False
    return len(status) > 1 and status[1] == b"200"


async def all_bidders_ready(url: str, bidders: int) -> bool:
    """Whether every bidder behind a shared port answers /readyz with 200."""
    if not await http_ok(f"{url}/readyz"):
        return False
    asks = (http_ok(f"{url}/readyz") for _ in range(bidders * ASKS_PER_BIDDER))
    return all(await asyncio.gather(*asks))


async def accepts(path: Path) -> bool:
    """Whether somebody listens on a unix socket."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
