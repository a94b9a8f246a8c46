"""A lean HTTP/1.1 client connection for load: one request at a time, no task, no timer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec


class Target(msgspec.Struct, frozen=True):
    """Where requests go, with all bytes of the head that do not depend on the request."""

    host: str
    port: int
    head: bytes

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str] | None = None) -> Target:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = {"Host": parts.netloc, "Content-Type": "application/json", **(headers or {})}
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        head = f"POST {path} HTTP/1.1\r\n{text}Content-Length: ".encode()
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, head)

    def message(self, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)


Done = Callable[["Connection", int, bytes, dict[str, str]], None]
Gone = Callable[["Connection"], None]


class Connection(asyncio.Protocol):
    """Tells `done(connection, status, body, headers)` of each answer, `gone(connection)` of its end.

    `ticket` is whatever the caller attached to the request under way; None = idle.
    """

    __slots__ = ("_body", "_done", "_gone", "_parser", "headers", "ticket", "transport")

    def __init__(self, done: Done, gone: Gone) -> None:
        self._done, self._gone = done, gone
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.ticket: object = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self.transport = None
        self._gone(self)

    def send(self, ticket: object, message: bytes) -> None:
        assert self.transport is not None
        self.ticket = ticket
        self.transport.write(message)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, headers = b"".join(self._body), self.headers
        status, keep = self._parser.get_status_code(), self._parser.should_keep_alive()
        self._body, self.headers = [], {}
        self._parser = httptools.HttpResponseParser(self)
        if not keep:
            self.close()
        self._done(self, status, body, headers)


class HeaderConnection(Connection):
    """Keeps the headers too, which costs time: not for capacity measurements."""

    __slots__ = ()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")


async def connect(target: Target, done: Done, gone: Gone, *, headers: bool) -> Connection:
    """Raises OSError."""
    kind = HeaderConnection if headers else Connection
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: kind(done, gone), target.host, target.port)
    return connection
