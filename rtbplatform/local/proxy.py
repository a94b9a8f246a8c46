"""A region's own way to Postgres: a loopback TCP proxy, so that a region can be cut off by stopping one process.

Stopped (SIGSTOP) it swallows packets as a broken network does, killed it resets its connections; the supervisor starts it
again. LISTEN_FD is its listening socket, PROXY_TARGET is `HOST:PORT`, or the path of a Unix socket.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from urllib.parse import quote, urlencode

import psycopg.conninfo

from rtbplatform.local.folders import LocalError

CHUNK_BYTES = 65_536
POSTGRES_PORT = "5432"


def target_of(database_url: str) -> str:
    """Where Postgres listens: `HOST:PORT`, or a Unix socket's path. Raises LocalError when the URL names several hosts."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    host, port = str(parts.get("host") or "127.0.0.1"), str(parts.get("port") or POSTGRES_PORT)
    if "," in host:
        raise LocalError("DATABASE_URL names several hosts, and a region's proxy leads to one.")
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def url_through(database_url: str, port: int) -> str:
    """The same database by way of a proxy on a loopback port."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    database = quote(str(parts.pop("dbname", None) or ""), safe="")
    user = quote(str(parts.pop("user", None) or ""), safe="")
    password = quote(str(parts.pop("password", None) or ""), safe="")
    for moved in ("host", "hostaddr", "port"):
        parts.pop(moved, None)
    person = f"{user}:{password}@" if password else f"{user}@" if user else ""
    options = urlencode(parts, quote_via=quote)
    return f"postgresql://{person}127.0.0.1:{port}/{database}{'?' + options if options else ''}"


async def _connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith("/"):
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end of one direction; the other may go on."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def carry(target: str, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """One connection, until both sides have ended it, or one has reset it: then the other is reset too."""
    ends = [answers]
    try:
        server, requests = await _connect(target)
        ends.append(requests)
        await asyncio.gather(_pump(client, requests), _pump(server, answers))
    except OSError:
        for end in ends:
            end.transport.abort()
    finally:
        for end in ends:
            end.close()


async def serve(held: socket.socket, target: str) -> asyncio.Server:
    """Carries every connection of a socket that listens already."""
    return await asyncio.start_server(
        lambda client, answers: carry(target, client, answers), sock=held, backlog=4096
    )


async def main() -> None:
    held = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
    server = await serve(held, os.environ["PROXY_TARGET"])
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
