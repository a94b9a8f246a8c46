"""An HTTP answer as one piece of bytes, written by us, so that we know what has become of it.

R8 of the budget protocol asks whether all bytes of an answer were accepted by a live socket. aiohttp's own responses do
not say, nor does a transport: it writes at the end of a loop turn, and by the next turn a quick client may have read
the answer and closed. So the handler writes header and body itself, with one system call, and returns a response that
writes nothing more:

- transport closing before the call, or the call fails: nothing was written -> VOID
- the kernel takes all of it: SENT
- it takes a part (a slow client): the transport gets the rest and is looked at until it is gone (SENT) or the connection
  ends first: nobody knows how much arrived -> UNKNOWN, and the debit stays spent
"""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

GZIP_ABOVE_BYTES = 1024
BACKLOG_BYTES_MAX = 256 * 1024
"""A client that does not read its answers is disconnected above this."""
LOOK_AGAIN_S = 0.05
FLUSH_S = 2.0

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


Watched = tuple[asyncio.Transport, Callable[[], None], Callable[[], None]]
"""A transport, what to do when it has taken all, what to do when it ended before."""


class SentWatch:
    """Hands answers to their sockets, and finds out which were accepted whole."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._slow: list[Watched] = []
        self._looks_again = False

    def write(
        self,
        transport: asyncio.Transport | None,
        data: bytes,
        on_sent: Callable[[], None],
        on_unknown: Callable[[], None],
    ) -> bool:
        """Writes, and calls `on_sent` when all was accepted, or `on_unknown` when the connection ended with bytes
        still buffered. False: nothing was written, nor will be."""
        if transport is None or transport.is_closing():
            return False
        waiting = transport.get_write_buffer_size()
        if waiting > BACKLOG_BYTES_MAX:
            transport.abort()
            return False
        accepted = 0
        if not waiting:
            try:
                accepted = os.write(transport.get_extra_info("socket").fileno(), data)
            except BlockingIOError:
                accepted = 0
            except OSError:  # reset or shut: not a byte was taken
                transport.abort()
                return False
            if accepted == len(data):
                on_sent()
                return True
        transport.write(data[accepted:])
        self._slow.append((transport, on_sent, on_unknown))
        self._look_later()
        return True

    async def flushed(self, transport: asyncio.Transport | None) -> None:
        """Before we close a connection: until its bytes were accepted and that was seen, or FLUSH_S is over."""
        give_up_s = self._loop.time() + FLUSH_S
        while (  # noqa: ASYNC110 - a transport tells nobody when its buffer has become empty
            any(one[0] is transport for one in self._slow) and self._loop.time() < give_up_s
        ):
            await asyncio.sleep(LOOK_AGAIN_S)

    def _look_later(self) -> None:
        if not self._looks_again:
            self._looks_again = True
            self._loop.call_later(LOOK_AGAIN_S, self._look)

    def _look(self) -> None:
        self._looks_again = False
        slow, self._slow = self._slow, []
        for transport, on_sent, on_unknown in slow:
            if transport.is_closing():
                on_unknown()
            elif transport.get_write_buffer_size():
                self._slow.append((transport, on_sent, on_unknown))
            else:
                on_sent()
        if self._slow:
            self._look_later()
