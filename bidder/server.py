"""The bidder's HTTP side: an aiohttp application whose OpenRTB route writes its answers itself (see `reply`)."""

from __future__ import annotations

import asyncio
import time
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web

from bidder.edge.receive import name_unread
from bidder.passage import Arrival, End, Passage
from bidder.reply import SentWatch, Written, build_reply, header_text
from bidder.respond.answer import no_bid_answer, signature

if TYPE_CHECKING:
    from bidder.worker import Worker

BODY_TIMEOUT_S = 2.0
"""A body that is not there by then will not be in time for anything."""
BEGINNING_BYTES = 4096
TOO_SLOW = End("refused", 400, "the body did not come in time")
DAMAGED = End("malformed", 400, "the body's HTTP framing is damaged")


def make_app(worker: Worker) -> web.Application:
    """Routes; GET on the OpenRTB route is answered 405 by aiohttp."""
    handlers = Handlers(worker)
    app = web.Application()
    app.add_routes(
        [
            web.post("/openrtb2/{exchange}", handlers.openrtb),
            web.get("/n/{kind}", handlers.notice),
            web.post("/n/{kind}", handlers.notice),
            web.get("/healthz", handlers.healthz),
            web.get("/readyz", handlers.readyz),
            web.get("/metrics", handlers.metrics),
        ]
    )
    return app


class Handlers:
    """HTTP in, HTTP out; decisions are elsewhere."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._pipeline = worker.pipeline
        self._bytes_max = worker.settings.request_bytes_max
        self._watch = SentWatch()

    async def openrtb(self, request: web.Request) -> web.StreamResponse:
        """One bid request."""
        arrival = _arrival(request)
        end = await self._read(request, arrival)
        if end is not None:
            passage = Passage(arrival, self._worker.new_id(arrival.at_ms))
            name_unread(passage)
            self._pipeline.give_up(passage, end)
        else:
            passage, end = await self._pipeline.run(arrival)
        if end is None:
            if perf_counter() < passage.answer_by_s:
                return await self._closed_after(request, self._write_bid(request, passage))
            end = self._pipeline.too_late(passage)
        return await self._closed_after(request, self._write_end(request, passage, end))

    async def _closed_after(self, request: web.Request, written: Written) -> Written:
        """aiohttp closes the connection as soon as it has this, when it is to be closed."""
        if not written.keep_alive:
            await self._watch.flushed(request.transport)
        return written

    async def _read(self, request: web.Request, arrival: Arrival) -> End | None:
        """The raw body, as far as it may be large. Compressed ones may not be larger than plain ones."""
        length = request.content_length
        if length is not None and length > self._bytes_max:
            arrival.too_large = True
            # Enough to find it by its id later.
            arrival.raw = request.content.read_nowait(BEGINNING_BYTES)
            return None
        content = request.content
        chunks: list[bytes] = []
        try:
            if content.is_eof():
                arrival.raw = await content.read()
                return None
            async with asyncio.timeout(BODY_TIMEOUT_S):
                size = 0
                while chunk := await content.readany():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self._bytes_max:
                        arrival.too_large = True
                        break
                arrival.raw = b"".join(chunks)
        except TimeoutError:
            arrival.raw = b"".join(chunks)
            return TOO_SLOW
        except (web.RequestPayloadError, ConnectionError, asyncio.IncompleteReadError):
            arrival.raw = b"".join(chunks)
            return DAMAGED
        return None

    def _write_bid(self, request: web.Request, passage: Passage) -> Written:
        assert passage.exchange is not None
        assert passage.market is not None
        key = passage.market.signing_keys[passage.exchange.id]
        headers = [("X-RTB-Signature", signature(key, passage.request_id, passage.answer))]
        keep_alive, data = self._message(request, 200, passage.answer, headers)
        pipeline = self._pipeline
        watched = self._watch.write(
            request.transport,
            data,
            lambda: pipeline.sent(passage),
            lambda: pipeline.unknown(passage),
        )
        if not watched:
            pipeline.void(passage)
        return Written(keep_alive=keep_alive)

    def _write_end(self, request: web.Request, passage: Passage, end: End) -> Written:
        headers = [("X-RTB-Reason", header_text(end.reason))]
        status, body = end.status, b""
        if end.retry_after_s:
            headers.append(("Retry-After", str(end.retry_after_s)))
        exchange = passage.exchange
        explains = exchange is not None and exchange.explains_no_bids
        if status == 204 and explains and passage.request_id:
            assert exchange is not None
            assert passage.market is not None
            status, body = 200, no_bid_answer(passage.request_id, end.nbr)
            key = passage.market.signing_keys[exchange.id]
            headers.append(("X-RTB-Signature", signature(key, passage.request_id, body)))
        # What is left of a body that was not read to its end would be taken for the next request.
        close = status == 413 or end in {TOO_SLOW, DAMAGED}
        keep_alive, data = self._message(request, status, body, headers, close=close)
        self._watch.write(request.transport, data, _nothing, _nothing)
        return Written(keep_alive=keep_alive)

    def _message(
        self,
        request: web.Request,
        status: int,
        body: bytes,
        headers: list[tuple[str, str]],
        *,
        close: bool = False,
    ) -> tuple[bool, bytes]:
        version = request.headers.get("x-openrtb-version")
        if version is not None:
            headers.append(("x-openrtb-version", header_text(version, 16)))
        keep_alive = bool(request.keep_alive) and not close and not self._worker.stopping
        data = build_reply(
            status,
            body,
            headers,
            keep_alive=keep_alive,
            http10=request.version < (1, 1),
            accept_gzip="gzip" in request.headers.get("Accept-Encoding", ""),
        )
        return keep_alive, data

    async def notice(self, request: web.Request) -> web.Response:
        """A win, billing or loss notice."""
        query = request.query
        status, text = await self._worker.notices.receive(
            request.match_info["kind"],
            query.get("t", ""),
            query.get("p", ""),
            query.get("l", ""),
            time.time_ns() // 1_000_000,
        )
        return web.Response(status=status, text=text)

    async def healthz(self, _request: web.Request) -> web.Response:
        """Whether the process answers."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        """Whether it can sell: it knows the market and reaches its banker."""
        missing = self._worker.missing()
        if missing:
            return web.Response(status=503, text=f"not ready: {', '.join(missing)}\n")
        return web.Response(text="ready\n")

    async def metrics(self, _request: web.Request) -> web.Response:
        """Of all bidders of the machine, as their banker has them."""
        text = await self._worker.banker.metrics_text()
        if text is None:
            return web.Response(status=503, text="the banker is away\n")
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})


def _nothing() -> None:
    """A no-bid's being sent or not changes nothing."""


def _arrival(request: web.Request) -> Arrival:
    headers = request.headers
    key = headers.get("X-Exchange-Key")
    return Arrival(
        exchange=request.match_info["exchange"],
        key=key if key is not None else request.query.get("key", ""),
        key_in_header=key is not None,
        encoding=headers.get("Content-Encoding", ""),
        raw=b"",
        received_s=perf_counter(),
        at_ms=time.time_ns() // 1_000_000,
    )
