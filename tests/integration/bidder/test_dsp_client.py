"""The DSP client against real sockets: every way a DSP can answer, and every way it can fail to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from bidder.demand.dsp.breaker import OPEN
from bidder.demand.dsp.call import Call
from bidder.demand.dsp.gateway import Gateway
from bidder.edge.quotas import Quotas
from bidder.edge.wheel import Wheel
from bidder.metrics import Metrics
from bidder.openrtb.parts import RequestParts, SharedBody
from rtbplatform.kernel.snapshot import DspView
from tests.integration.bidder.conftest import Until
from tests.integration.bidder.dsp_server import (
    Behaviour,
    DspServer,
    after,
    answer,
    chunked,
    closes_after,
    drips,
    dsp_server,
    gzipped,
    resets,
    says,
)

BID = b'{"id":"r1","seatbid":[{"bid":[{"id":"b1","impid":"1","price":1.5,"cid":"7","crid":"c"}]}]}'
ANSWER_BYTES_MAX = 64 * 1024


def shared_body() -> SharedBody:
    raw = b'{"id":"r1","imp":[{"id":"1","banner":{"w":300,"h":250}}],"site":{"id":"s"},"tmax":100}'
    return RequestParts.of(raw).shared_body(ids_allowed=True)


def view(server: DspServer, slug: str = "alder", **changes: object) -> DspView:
    fields = {"id": 1, "seat": "s", "formats": [], "countries": [], **changes}
    return DspView(slug=slug, endpoint=server.url, **fields)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def gateway(*dsps: DspView) -> AsyncIterator[Gateway]:
    made = Gateway(
        Wheel(asyncio.get_running_loop()),
        Quotas(),
        Metrics(),
        fanout_ms=70,
        answer_bytes_max=ANSWER_BYTES_MAX,
    )
    made.start()
    made.set_dsps(list(dsps))
    try:
        yield made
    finally:
        await made.stop()


async def ask(made: Gateway, within_s: float = 0.3, country: str = "USA") -> list[Call]:
    fanout = made.ask({"banner"}, country, shared_body(), time.perf_counter() + within_s)
    return await fanout.wait()


@pytest.mark.parametrize(
    "behaviour",
    [
        says(answer(BID)),
        says(chunked(BID)),
        says(gzipped(BID)),
        drips(answer(BID), 0.0),
        closes_after(b"HTTP/1.1 200 OK\r\n\r\n" + BID),
        closes_after(answer(BID)),
        says(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(BID)),
        says(answer(BID, headers="Connection: close\r\n")),
    ],
    ids=["sized", "chunked", "gzip", "drip", "until-eof", "closing", "interim", "not-kept-alive"],
)
async def test_a_bid_is_read_however_it_is_framed(behaviour: Behaviour) -> None:
    async with dsp_server(behaviour) as server, gateway(view(server)) as made:
        (call,) = await ask(made)
        assert (call.outcome, call.status, call.body) == ("bid", 200, BID)
        assert call.answer is not None
        assert call.answer.bids[0].impid == "1"


@pytest.mark.parametrize(
    ("behaviour", "outcome", "cause"),
    [
        (says(answer(b"", "204 No Content")), "no_bid", ""),
        (says(b"HTTP/1.1 204 No Content\r\n\r\n"), "no_bid", ""),
        (says(answer(b"")), "no_bid", ""),
        (says(answer(b"oops", "500 Internal Server Error")), "error", "status 500"),
        (says(b"garbage that is no HTTP\r\n\r\n"), "error", "not HTTP"),
        (says(answer(b"{]")), "error", ""),
        (says(answer(b"<html>", headers="Content-Encoding: gzip\r\n")), "error", "compressed body"),
        (
            says(answer(BID, headers="Content-Encoding: br\r\n")),
            "error",
            "unknown content encoding",
        ),
        (says(answer(b"x" * 100_000)), "error", "answer above"),
        (says(chunked(b"x" * 70_000)), "error", "answer above"),
        (says(gzipped(b"x" * 10_000_000)), "error", "decoded body above"),
        (says(answer(BID, headers="X-Long: " + "y" * 20_000 + "\r\n")), "error", "header above"),
        (resets, "error", "reset"),
        (closes_after(b""), "error", "closed without an answer"),
        (closes_after(answer(BID)[:-20]), "error", "closed in the middle"),
        (after(0.6, answer(BID)), "timeout", ""),
        (drips(answer(BID), 0.05), "timeout", ""),
    ],
    ids=[
        "204",
        "204-bare",
        "200-empty",
        "500",
        "garbage",
        "not-json",
        "not-gzip",
        "unknown-encoding",
        "huge",
        "huge-chunked",
        "bomb",
        "long-header",
        "reset",
        "half-closed",
        "cut-off",
        "slow",
        "slow-drip",
    ],
)
async def test_what_is_no_bid_has_a_cause(behaviour: Behaviour, outcome: str, cause: str) -> None:
    async with dsp_server(behaviour) as server, gateway(view(server)) as made:
        (call,) = await ask(made)
        assert call.outcome == outcome
        assert cause in call.cause
        assert outcome != "error" or call.cause


async def test_the_fan_out_ends_at_its_deadline_with_what_has_arrived() -> None:
    async with (
        dsp_server(after(1.0, answer(BID))) as slow,
        dsp_server(says(answer(BID))) as quick,
        gateway(view(slow, "slow"), view(quick, "quick")) as made,
    ):
        started = time.perf_counter()
        calls = await ask(made, within_s=0.25)
        spent_ms = (time.perf_counter() - started) * 1000
        assert {call.dsp.slug: call.outcome for call in calls} == {
            "slow": "timeout",
            "quick": "bid",
        }
        assert 249 <= spent_ms < 700


async def test_a_dsps_own_shorter_timeout_ends_only_its_call() -> None:
    async with dsp_server(after(0.1, answer(BID))) as server:
        impatient, patient = view(server, "impatient", timeout_ms=30), view(server, "patient")
        async with gateway(impatient, patient) as made:
            calls = await ask(made)
            assert [call.outcome for call in calls] == ["timeout", "bid"]


async def test_connections_are_opened_ahead_and_reused(until: Until) -> None:
    async with dsp_server(says(answer(BID))) as server, gateway(view(server)) as made:
        await until(lambda: server.connections >= 8)
        for _ in range(20):
            await ask(made)
        assert len(server.requests) == 20
        assert server.connections == 8


async def test_a_connection_that_the_dsp_closed_meanwhile_is_replaced_unnoticed(
    until: Until,
) -> None:
    first = True

    async def closes_once(_server: DspServer, writer: asyncio.StreamWriter, _body: bytes) -> None:
        nonlocal first
        if len(_server.requests) == 2 and first:
            first = False
            writer.transport.abort()
            return
        writer.write(answer(BID))

    async with dsp_server(closes_once) as server, gateway(view(server)) as made:
        await until(lambda: server.connections >= 8)
        assert (await ask(made))[0].outcome == "bid"
        (call,) = await ask(made)  # goes out on the connection just used, and that one is closed
        assert (call.outcome, call.retried) == ("bid", True)
        assert len(server.requests) == 3


async def test_a_late_answer_frees_its_connection_for_the_next_request(until: Until) -> None:
    async with (
        dsp_server(after(0.1, answer(BID))) as server,
        gateway(view(server, in_flight_max=1)) as made,
    ):
        assert (await ask(made, within_s=0.05))[0].outcome == "timeout"
        assert (await ask(made, within_s=0.05))[0].cause == "in_flight"
        lane = made._lanes[0]
        await until(lambda: lane.pool.in_flight == 0)
        assert (await ask(made))[0].outcome == "bid"
        assert server.connections == 1


async def test_five_failures_open_the_breaker_and_it_is_said() -> None:
    async with dsp_server(says(answer(b"no", "500 Oops"))) as server, gateway(view(server)) as made:
        for _ in range(5):
            assert (await ask(made))[0].outcome == "error"
        (call,) = await ask(made)
        assert (call.outcome, call.cause) == ("skipped", "breaker_open")
        assert made._lanes[0].breaker.state == OPEN
        assert len(server.requests) == 5


async def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    async with dsp_server(says(answer(BID))) as server:
        gone = view(server)
    async with gateway(gone) as made:
        started = time.perf_counter()
        (call,) = await ask(made, within_s=2.0)
        assert call.outcome in {"error", "skipped"}
        assert "unreachable" in call.cause
        assert time.perf_counter() - started < 1.0


async def test_formats_countries_and_quotas_are_kept() -> None:
    async with dsp_server(says(answer(BID))) as server:
        dsps = [
            view(server, "video", formats=["video"]),
            view(server, "abroad", countries=["DEU"]),
            view(server, "rare", qps_max=5),
        ]
        async with gateway(*dsps) as made:
            causes = [[call.cause for call in await ask(made)] for _ in range(6)]
            assert all(found[:2] == ["format", "country"] for found in causes)
            assert [found[2] for found in causes] == ["", "", "", "", "", "qps"]


async def test_the_dsp_is_told_the_time_it_truly_has_and_gets_its_headers() -> None:
    async with dsp_server(says(answer(BID))) as server:
        dsp = view(server, auth_header="X-Token", auth_value="secret", openrtb_version="2.5")
        async with gateway(dsp) as made:
            await ask(made, within_s=0.05)
            head, body = server.requests[0]
            assert b"POST /bid?x=1 HTTP/1.1\r\n" in head
            assert b"X-Token: secret\r\n" in head
            assert b"x-openrtb-version: 2.5\r\n" in head
            told_ms = int(body.split(b'"tmax":')[1].split(b",")[0].rstrip(b"}"))
            assert 30 <= told_ms <= 46


async def test_a_snapshot_that_changes_nothing_of_a_server_keeps_its_connections(
    until: Until,
) -> None:
    async with dsp_server(says(answer(BID))) as server, gateway(view(server)) as made:
        await ask(made)
        await until(lambda: server.connections >= 8)
        made.set_dsps([view(server, in_flight_max=100)])
        await ask(made)
        assert server.connections == 8
