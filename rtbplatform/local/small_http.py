"""A small HTTP/1.1 server side over httptools, for simulators: fast, keep-alive, and able to misbehave on purpose."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import httptools
from msgspec import Struct

BODY_BYTES_MAX = 4 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Answer(Struct, frozen=True):
    """What to send, when, and how badly."""

    status: int = 200
    body: bytes = b""
    delay_s: float = 0.0
    manner: str = "whole"
    """`whole`; `reset`: abort the connection; `drip`: ten pieces, `drip_s` apart."""
    drip_s: float = 0.05
    content_type: str = "application/json"


Handler = Callable[[str, str, bytes], Answer]
"""(method, target, body) -> answer."""

DRIPS = 10


class SmallHttp(asyncio.Protocol):
    """One connection. Requests are answered in the order in which their delays end: clients must not pipeline."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self._transport: asyncio.Transport
        self._parser: httptools.HttpRequestParser
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._body = bytearray()
        self._gzipped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        for timer in self._timers:
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if isinstance(error, httptools.HttpParserCallbackError):
                self._loop.call_exception_handler({"message": "handler failed", "exception": error})
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-encoding":
            self._gzipped = value.lower() == b"gzip"

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > BODY_BYTES_MAX:
            self._transport.abort()

    def on_message_complete(self) -> None:
        target, body, gzipped = self._target.decode("ascii", "replace"), self._body, self._gzipped
        self._reset()
        try:
            plain = gzip.decompress(body) if gzipped else bytes(body)
        except (OSError, EOFError, zlib.error):
            self._send(Answer(status=400))
            return
        answer = self._handler(self._parser.get_method().decode(), target, plain)
        if answer.delay_s > 0:
            self._later(answer.delay_s, lambda: self._send(answer))
        else:
            self._send(answer)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = self._loop.call_later(delay_s, run)
        self._timers.add(timer)

    def _send(self, answer: Answer) -> None:
        if self._transport.is_closing():
            return
        if answer.manner == "reset":
            self._transport.abort()
            return
        head = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}\r\n"
        if answer.status != HTTPStatus.NO_CONTENT:
            head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
        whole = head.encode() + b"\r\n" + answer.body
        if answer.manner == "drip":
            self._drip(whole, max(1, len(whole) // DRIPS), answer.drip_s)
        else:
            self._transport.write(whole)

    def _drip(self, rest: bytes, piece_bytes: int, every_s: float) -> None:
        self._transport.write(rest[:piece_bytes])
        left = rest[piece_bytes:]
        if left:
            self._later(every_s, lambda: self._drip(left, piece_bytes, every_s))
