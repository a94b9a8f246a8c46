"""One keep-alive HTTP/1.1 connection to a DSP: writes a request, parses its answer within limits, one at a time."""

from __future__ import annotations

import asyncio
import logging
import zlib
from time import perf_counter
from typing import TYPE_CHECKING, cast

import httptools

from bidder.edge.body import BodyError, decode_body

if TYPE_CHECKING:
    from bidder.demand.dsp.call import Call
    from bidder.demand.dsp.pool import Pool

HEADER_BYTES_MAX = 16 * 1024

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Belongs to a `Pool`. After a call's deadline it goes on reading (drains) until the answer has come, because
    closing would make a slow DSP pay, and us, a new handshake per timeout; the pool closes it when that takes too
    long, and counts it as in flight meanwhile, because for the DSP it is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self.call: Call | None = None
        self.sent_s = 0.0
        self.served = 0
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._header_bytes = 0
        self._head_done = False
        self._complete = False
        self._reusable = False
        self._sized = False
        self._encoding = ""
        self._chunks: list[bytes] = []
        self._body_bytes = 0

    # What the pool calls.

    def send(self, call: Call) -> None:
        """Asks. The connection must be idle; one that is just closing counts as one that the DSP has closed."""
        if self._transport is None or self._transport.is_closing():
            if not self._pool.retry(call, reused=True):
                call.failed("connection closed")
            return
        self.call = call
        call.sent = True
        self.sent_s = perf_counter()
        self._transport.write(call.payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls. An exception that left here would close the connection without a cause.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {_shown(error)}")
        except Exception as error:
            log.exception("DSP %s: reading an answer failed", self._pool.slug)
            self._fail(f"internal: {type(error).__name__}")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        call, self.call = self.call, None
        if call is not None and not call.outcome:
            if self._head_done and not self._sized and exc is None:
                self._answer(
                    call
                )  # RFC 9112, 6.3: a body without a length ends with the connection
            elif self._received:
                cause = "reset" if exc is not None else "closed"
                call.failed(f"{cause} in the middle of its answer", self._status(), self._body())
            elif not self._pool.retry(call, reused=self.served > 0):
                call.failed("connection reset" if exc is not None else "closed without an answer")
        self._pool.lost(self)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES_MAX:
            raise _LongHeaderError
        name = name.lower()
        if name == b"content-length":
            self._sized = True
            if int(value) > self._pool.body_bytes_max:
                raise _TooLargeError
        elif name == b"transfer-encoding":
            self._sized = True
        elif name == b"content-encoding":
            self._encoding = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_done = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._pool.body_bytes_max:
            raise _TooLargeError
        self._chunks.append(body)

    def on_message_begin(self) -> None:
        if self._complete:
            raise _SurplusError

    def on_message_complete(self) -> None:
        if self._head_done:  # an interim answer (1xx) is not the answer
            self._complete = True
            # Asked here, because the parser has forgotten the header when feed_data returns.
            self._reusable = bool(self._parser.should_keep_alive())

    # Ours.

    def _feed(self, data: bytes) -> None:
        if self.call is None:
            self.close()  # bytes that nobody asked for: what came next could not be told from an answer
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, _TooLargeError):
                self._fail(f"answer above {self._pool.body_bytes_max} bytes")
                return
            if isinstance(cause, _LongHeaderError):
                self._fail(f"header above {HEADER_BYTES_MAX} bytes")
                return
            if not isinstance(cause, _SurplusError):
                raise
        # A single header line that does not end is not reported by the parser until it does.
        if not self._head_done and self._received > 2 * HEADER_BYTES_MAX:
            self._fail(f"header above {HEADER_BYTES_MAX} bytes")
        elif self._complete:
            self._finish()

    def _finish(self) -> None:
        call, self.call = self.call, None
        assert call is not None
        reusable = self._reusable
        if not call.outcome:
            self._answer(call)
        self.served += 1
        self._reset()
        if reusable:
            self._pool.free(self)
        else:
            self.close()

    def _answer(self, call: Call) -> None:
        status = self._status()
        try:
            body = decode_body(self._body(), self._encoding, self._pool.body_bytes_max)
        except BodyError as error:
            call.failed(error.reason, status, self._body())
            return
        except zlib.error as error:
            call.failed(f"gzip: {error}", status, self._body())
            return
        call.answered(status, body)

    def _status(self) -> int:
        return int(self._parser.get_status_code()) if self._received else 0

    def _body(self) -> bytes:
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _fail(self, cause: str) -> None:
        call, self.call = self.call, None
        if call is not None:
            call.failed(cause, self._status(), self._body())
        self.close()


class _TooLargeError(Exception):
    """Raised into the parser: the answer is above the limit."""


class _LongHeaderError(Exception):
    """Raised into the parser: the header is above the limit."""


class _SurplusError(Exception):
    """Raised into the parser: a second answer to one request."""


def _shown(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__
