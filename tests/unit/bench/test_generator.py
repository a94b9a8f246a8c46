"""The load generator tells the truth about slow servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.bodies import exact
from bench.figures import LOST, Answer
from bench.generator import Load
from bench.http_client import Target

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NO_BID = b"HTTP/1.1 204 No Content\r\n\r\n"


@asynccontextmanager
async def server(
    *, stall_at: int = -1, stall_s: float = 0.0, hang_up: bool = False
) -> AsyncIterator[int]:
    """Answers 204, one request at a time; before request `stall_at` everybody waits for `stall_s`."""
    count = 0
    stalled = asyncio.Event()
    stalled.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            if count == stall_at:
                stalled.clear()
                asyncio.get_running_loop().call_later(stall_s, stalled.set)
            count += 1
            await stalled.wait()
            if hang_up:
                break
            writer.write(NO_BID)
        writer.close()

    listening = await asyncio.start_server(_quietly(serve), "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def _quietly(serve: Serve) -> Serve:
    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return until_closed


def load_of(port: int, answers: list[Answer], connections: int = 4) -> Load:
    return Load(
        Target.of(f"http://127.0.0.1:{port}/openrtb2/x"),
        exact("seed", 400),
        connections=connections,
        connections_max=connections,
        observer=answers.append,
    )


async def test_a_stall_is_seen_by_every_request_that_it_delayed() -> None:
    answers: list[Answer] = []
    async with server(stall_at=100, stall_s=0.5) as port:
        summary = await load_of(port, answers).open_loop(rate=200, seconds=2)
    assert summary.statuses == {204: 400}
    delayed = [answer for answer in answers if answer.latency_ms > 50]
    assert 70 <= len(delayed) <= 120  # a closed loop would have seen four
    assert summary.latency.max > 450


async def test_requests_on_a_closed_connection_are_lost_not_forgotten() -> None:
    answers: list[Answer] = []
    async with server(hang_up=True) as port:
        summary = await load_of(port, answers).open_loop(rate=100, seconds=0.5)
    assert summary.statuses == {LOST: 50}
    assert {answer.error for answer in answers} == {"connection lost"}


async def test_a_closed_loop_sends_exactly_as_many_requests_as_asked_for() -> None:
    answers: list[Answer] = []
    async with server() as port:
        await load_of(port, answers, connections=8).closed_loop(300)
    assert len({answer.request_id for answer in answers}) == 300
