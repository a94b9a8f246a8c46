"""An HTTP answer as one piece of bytes, written by us, so that we know what has become of it.

R8 of the budget protocol asks whether all bytes of an answer were accepted by a live socket. aiohttp's own responses do
not say. So the handler itself writes header and body with one `transport.write`, and returns a response that writes
nothing more. One loop turn later the event loop has handed the bytes to the kernel as far as it takes them
(uvloop writes at the end of the turn, asyncio at once):

- transport closing or closed before the write: nothing was written -> VOID
- one turn later alive, and its write buffer empty: all bytes accepted -> SENT
- alive, but bytes still buffered: looked at again until they are gone; if the connection ends first, nobody knows how
  much arrived: neither is reported, and the debit stays spent (UNKNOWN)
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

GZIP_ABOVE_BYTES = 1024
BACKLOG_BYTES_MAX = 256 * 1024
"""A client that does not read its answers is disconnected above this."""
LOOK_AGAIN_S = 0.05

PHRASES = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
}
STATUS_LINES = {status: f"HTTP/1.1 {status} {phrase}\r\n" for status, phrase in PHRASES.items()}


class Written(web.StreamResponse):
    """Tells aiohttp that the answer has been written, and whether the connection goes on."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002
        return None


def build_reply(
    status: int,
    body: bytes,
    headers: list[tuple[str, str]],
    *,
    keep_alive: bool,
    http10: bool,
    accept_gzip: bool,
) -> bytes:
    """The whole HTTP message. Values must be free of line breaks (`header_text`)."""
    lines = [STATUS_LINES[status], "Date: ", _date(), "\r\n"]
    if body:
        lines.append("Content-Type: application/json\r\n")
        if accept_gzip and len(body) > GZIP_ABOVE_BYTES:
            body = gzip.compress(body, 1)
            lines.append("Content-Encoding: gzip\r\n")
    if status != 204:  # RFC 9110, 8.6: a 204 has no Content-Length
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    if not keep_alive:
        lines.append("Connection: close\r\n")
    elif http10:
        lines.append("Connection: keep-alive\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1") + body


def header_text(text: str, length_max: int = 200) -> str:
    """Any text as a header's value: printable ASCII, one line."""
    cut = text[:length_max]
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in cut)


_date_cache: tuple[int, str] = (0, "")


def _date() -> str:
    global _date_cache  # noqa: PLW0603 - one text per second for all answers
    now = int(time.time())
    if _date_cache[0] != now:
        _date_cache = (now, formatdate(now, usegmt=True))
    return _date_cache[1]


class SentWatch:
    """Finds out, for all answers of a loop turn together, which were accepted whole by their sockets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._new: list[tuple[asyncio.Transport, Callable[[], None]]] = []
        self._slow: list[tuple[asyncio.Transport, Callable[[], None]]] = []
        self.unknown = 0
        """Connections that ended with bytes of an answer still buffered."""

    def write(
        self, transport: asyncio.Transport | None, data: bytes, on_sent: Callable[[], None]
    ) -> bool:
        """Writes, and calls `on_sent` when all was accepted. False: nothing was written, nor will be."""
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            transport.abort()
            return False
        transport.write(data)
        if not self._new:
            self._loop.call_soon(self._look)
        self._new.append((transport, on_sent))
        return True

    def _look(self) -> None:
        written, self._new = self._new, []
        if self._check(written):
            self._loop.call_later(LOOK_AGAIN_S, self._look_at_slow)

    def _look_at_slow(self) -> None:
        slow, self._slow = self._slow, []
        if self._check(slow):
            self._loop.call_later(LOOK_AGAIN_S, self._look_at_slow)

    def _check(self, written: list[tuple[asyncio.Transport, Callable[[], None]]]) -> bool:
        """Whether the slow ones have to be looked at and nobody is going to yet."""
        nobody_looks = not self._slow
        for transport, on_sent in written:
            if transport.is_closing():
                self.unknown += 1
            elif transport.get_write_buffer_size():
                self._slow.append((transport, on_sent))
            else:
                on_sent()
        return nobody_looks and bool(self._slow)
