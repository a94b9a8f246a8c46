"""A DSP on loopback that does what it is told: raw bytes, so that it can misbehave in every way."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Behaviour = Callable[["DspServer", asyncio.StreamWriter, bytes], Awaitable[None]]
"""Answers one request's body."""


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


class DspServer:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[tuple[bytes, bytes]] = []
        """(header, body) of each."""
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bid?x=1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        # uvloop raises RuntimeError for a write after the other side has closed.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, RuntimeError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.requests.append((head, body))
                await self.behaviour(self, writer, body)
                await writer.drain()
        self.open.discard(writer)
        writer.close()


@contextlib.asynccontextmanager
async def dsp_server(behaviour: Behaviour) -> AsyncIterator[DspServer]:
    server = DspServer(behaviour)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in list(server.open):
            writer.transport.abort()
        await asyncio.gather(*server.tasks)


def says(raw: bytes) -> Behaviour:
    async def behave(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
        writer.write(raw)

    return behave


def after(delay_s: float, raw: bytes) -> Behaviour:
    async def behave(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
        await asyncio.sleep(delay_s)
        writer.write(raw)

    return behave


def drips(raw: bytes, pause_s: float) -> Behaviour:
    async def behave(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
        for index in range(len(raw)):
            if writer.is_closing():
                return
            writer.write(raw[index : index + 1])
            await asyncio.sleep(pause_s)

    return behave


def chunked(body: bytes) -> bytes:
    pieces = [body[index : index + 7] for index in range(0, len(body), 7)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"


def gzipped(body: bytes) -> bytes:
    return answer(gzip.compress(body), headers="Content-Encoding: gzip\r\n")


async def resets(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def closes_after(raw: bytes) -> Behaviour:
    async def behave(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
        writer.write(raw)
        await writer.drain()
        writer.write_eof()

    return behave
