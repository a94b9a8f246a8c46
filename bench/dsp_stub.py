"""Stub DSPs behind one port, fast enough not to be what is measured: ``python -m bench.dsp_stub PORT < behaviours.json``

Answers leave from a wheel of 1 ms slots (one timer for all), after a lognormal delay per behaviour.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import cast

import httptools
import msgspec
import uvloop

from bench.dsp_answers import NO_BID, Behaviour, StubDsp

SLOTS = 2048


class Wheel:
    """Writes what is due, once a millisecond."""

    def __init__(self) -> None:
        self._slots: list[list[tuple[asyncio.Transport, bytes]]] = [[] for _ in range(SLOTS)]
        self._turn = int(time.perf_counter() * 1000)

    def add(self, transport: asyncio.Transport, message: bytes, delay_ms: float) -> None:
        due = max(self._turn + 1, int(time.perf_counter() * 1000 + min(delay_ms, SLOTS - 2)))
        self._slots[due % SLOTS].append((transport, message))

    async def run(self) -> None:
        while True:
            now = int(time.perf_counter() * 1000)
            while self._turn < now:
                self._turn += 1
                due, self._slots[self._turn % SLOTS] = self._slots[self._turn % SLOTS], []
                for transport, message in due:
                    if not transport.is_closing():
                        transport.write(message)
            await asyncio.sleep(0.001)


class StubProtocol(asyncio.Protocol):
    """One connection of a bidder. Pipelined requests are answered as they come due, so nobody should send them."""

    __slots__ = ("_body", "_dsps", "_parser", "_path", "_transport", "_wheel")

    def __init__(self, dsps: dict[bytes, StubDsp], wheel: Wheel) -> None:
        self._dsps, self._wheel = dsps, wheel
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body = b"", b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._path, self._body = url, b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        assert self._transport is not None
        dsp = self._dsps.get(self._path)
        if dsp is None or dsp.behaviour.mode == "floor":
            self._transport.write(NO_BID)
            return
        self._wheel.add(self._transport, dsp.answer(self._body), dsp.delay_ms())


async def serve(port: int, behaviours: list[Behaviour]) -> None:
    """For ever."""
    dsps = {behaviour.path.encode(): StubDsp(behaviour) for behaviour in behaviours}
    wheel = Wheel()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: StubProtocol(dsps, wheel), "127.0.0.1", port, backlog=4096
    )
    gc.freeze()
    gc.disable()  # nothing here makes cycles
    async with server:
        await wheel.run()


def main() -> None:
    """Reads the behaviours from standard input."""
    behaviours = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Behaviour])
    uvloop.run(serve(int(sys.argv[1]), behaviours))


if __name__ == "__main__":
    main()
