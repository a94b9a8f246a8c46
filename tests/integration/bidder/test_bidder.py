"""The whole bidder on real sockets, with a real Redis and a real banker: from an exchange's request to the stream."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from rtbplatform.kernel.events import AuctionEvent
from rtbplatform.kernel.keys import answer_signing_key, exchange_key_hash, sign_answer
from rtbplatform.kernel.snapshot import DspView, ExchangeView
from tests.integration.bidder.conftest import Until
from tests.integration.bidder.dsp_server import after, answer, dsp_server, says
from tests.integration.bidder.platform import DSPS, KEY, OWN, SECRET, Platform, bid_request, encode
from tests.integration.bidder.raw_http import RawHttp

DSP_BID = (
    b'{"id":"r2","seatbid":[{"seat":"s","bid":[{"id":"b1","impid":"1","price":3.5,"cid":"7",'
    b'"crid":"c9","adomain":["other.example"],"adm":"<p>${AUCTION_PRICE}</p>","w":300,"h":250}]}]}'
)


def dsp(url: str) -> DspView:
    return DspView(1, "alder", "s", url, [], [])


@contextlib.asynccontextmanager
async def selling(platform: Platform, *dsps: DspView, **changes: object) -> AsyncIterator[RawHttp]:
    """A running bidder whose campaigns have money, and a connection to it."""
    await platform.publish(*dsps, **changes)
    async with platform.bidder():
        await platform.wait_ready()
        connection = await RawHttp.connect(platform.port)
        await until_sold(connection)
        try:
            yield connection
        finally:
            connection.close()


async def until_sold(connection: RawHttp) -> None:
    """The first requests only make the banker ask for money."""
    async with asyncio.timeout(15):
        while (await connection.post("/openrtb2/demo", encode(bid_request("warm")))).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def event_of(platform: Platform, request_id: str) -> AuctionEvent:
    (event,) = [e for e in platform.treasury.auctions if e.request_id == request_id]
    return event


async def recorded(platform: Platform, request_id: str) -> AuctionEvent:
    await platform.settled(lambda t: any(e.request_id == request_id for e in t.auctions))
    return event_of(platform, request_id)


async def test_a_request_is_sold_debited_answered_and_followed_to_the_stream(
    platform: Platform,
) -> None:
    async with selling(platform) as exchange:
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("r1")))
        assert reply.status == 200
        response = msgspec.json.decode(reply.body)
        bid = response["seatbid"][0]["bid"][0]
        assert (response["id"], bid["impid"], bid["price"]) == ("r1", "1", 0.5)
        key = answer_signing_key(SECRET, "demo", 1)
        assert reply.headers["x-rtb-signature"] == sign_answer(key, "r1", reply.body)
        event = await recorded(platform, "r1")
        assert (event.outcome, event.http_status) == ("won", 200)
        assert event.imps[0].cost_micros == 500
        assert event.imps[0].bids[event.imps[0].winner].campaign == OWN
        seq = platform.treasury.seq_of[event.event_id]
        await platform.settled(lambda treasury: seq in treasury.sent)


async def test_a_dsps_better_bid_wins_and_both_are_recorded(platform: Platform) -> None:
    async with (
        dsp_server(says(answer(DSP_BID))) as server,
        selling(platform, dsp(server.url)) as exchange,
    ):
        async with asyncio.timeout(10):
            while True:
                reply = await exchange.post("/openrtb2/demo", encode(bid_request("r2")))
                bid = msgspec.json.decode(reply.body)["seatbid"][0]["bid"][0]
                if bid["price"] > 1:  # its campaign has its lease
                    break
        assert bid["price"] == 2.01
        assert "<p>2.01</p>" in bid["adm"]
        await platform.settled(
            lambda t: any(e.imps and e.imps[0].clearing_cpm_micros == 2_010_000 for e in t.auctions)
        )
        event = platform.treasury.auctions[-1]
        assert {(b.campaign, b.loss) for b in event.imps[0].bids} == {(DSPS, 0), (OWN, 102)}
        assert [(c.dsp, c.outcome, c.body) for c in event.dsp_calls] == [("alder", "bid", DSP_BID)]


async def test_a_slow_dsp_costs_no_more_than_the_deadline(platform: Platform) -> None:
    async with (
        dsp_server(after(2.0, answer(DSP_BID))) as server,
        selling(platform, dsp(server.url)) as exchange,
    ):
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("r3", tmax=150)))
        assert reply.status == 200
        event = await recorded(platform, "r3")
        assert [call.outcome for call in event.dsp_calls] == ["timeout"]
        assert 60 <= event.dsp_calls[0].latency_ms <= 130


MALFORMED = {
    "truncated": (encode(bid_request("m"))[:-20], 400),
    "not an object": (b"[]", 400),
    "wrong types": (encode(bid_request("m", imp="none")), 400),
    "no imp": (encode(bid_request("m", imp=[])), 400),
    "site and app": (encode(bid_request("m", app={"id": "a"})), 400),
    "negative tmax": (encode(bid_request("m", tmax=-5)), 400),
    "empty": (b"", 400),
    "invalid UTF-8": (b'{"id":"\xff\xfe"}', 400),
    "no id": (encode(bid_request("")), 400),
    "deep": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_is_refused_and_the_connection_lives_on(
    platform: Platform, name: str
) -> None:
    body, status = MALFORMED[name]
    async with selling(platform) as exchange:
        reply = await exchange.post("/openrtb2/demo", body)
        assert reply.status == status
        assert reply.headers["x-rtb-reason"]
        after_it = await exchange.post("/openrtb2/demo", encode(bid_request("next")))
        assert after_it.status == 200
        await platform.settled(lambda t: any(e.outcome == "malformed" for e in t.auctions))


async def test_encodings_keys_sizes_and_methods_have_their_statuses(platform: Platform) -> None:
    good = encode(bid_request("e"))
    cases: list[tuple[int, bytes, dict[str, str]]] = [
        (400, b"no gzip at all", {"Content-Encoding": "gzip"}),
        (400, gzip.compress(good)[:-8], {"Content-Encoding": "gzip"}),
        (415, good, {"Content-Encoding": "br"}),
        (401, good, {"X-Exchange-Key": "wrong"}),
        (401, good, {"X-Exchange-Key": ""}),
        (413, gzip.compress(b" " * 300_000 + good), {"Content-Encoding": "gzip"}),
        (413, b"x" * 300_000, {}),
        (200, gzip.compress(good), {"Content-Encoding": "gzip"}),
        (200, good, {"Transfer-Encoding": "chunked"}),
        (413, b"x" * 300_000, {"Transfer-Encoding": "chunked"}),
    ]
    async with selling(platform) as exchange:
        for status, body, headers in cases:
            reply = await exchange.post("/openrtb2/demo", body, headers)
            assert reply.status == status, headers
            if reply.headers.get("connection") == "close":
                exchange = await RawHttp.connect(platform.port)  # noqa: PLW2901
            else:
                again = await exchange.post("/openrtb2/demo", good)
                assert again.status == 200
        assert (await exchange.post("/openrtb2/nobody", good)).status == 401
        assert (await exchange.get("/openrtb2/demo")).status == 405
        assert (await exchange.post("/openrtb2/demo", good)).status == 200


async def test_the_key_may_stand_in_the_url_unless_the_exchange_forbids_it(
    platform: Platform,
) -> None:
    strict = ExchangeView(2, "strict", [exchange_key_hash(KEY)], 0, header_key_only=True)
    easy = ExchangeView(1, "demo", [exchange_key_hash(KEY)], 0)
    async with selling(platform, exchanges=[easy, strict]) as exchange:
        body, no_header = encode(bid_request("k")), {"X-Exchange-Key": None}
        reply = await exchange.post(f"/openrtb2/demo?key={KEY}", body, no_header)
        assert reply.status == 200
        reply = await exchange.post(f"/openrtb2/strict?key={KEY}", body, no_header)
        assert reply.status == 401


async def test_over_its_quota_an_exchange_is_told_when_to_come_again(platform: Platform) -> None:
    slow = ExchangeView(2, "slow", [exchange_key_hash(KEY)], 5)
    easy = ExchangeView(1, "demo", [exchange_key_hash(KEY)], 0)
    async with selling(platform, exchanges=[easy, slow]) as exchange:
        replies = [
            await exchange.post("/openrtb2/slow", encode(bid_request(f"q{n}"))) for n in range(8)
        ]
        assert {reply.status for reply in replies} == {200, 429}
        refused = [reply for reply in replies if reply.status == 429]
        assert all(reply.headers["retry-after"] == "1" for reply in refused)
        event = await recorded(platform, "q7")
        assert (event.outcome, event.http_status) == ("refused", 429)


async def test_every_request_ends_in_exactly_one_event(platform: Platform) -> None:
    async with selling(platform):
        connections = [await RawHttp.connect(platform.port) for _ in range(10)]

        async def send(connection: RawHttp, number: int) -> int:
            statuses = [
                (
                    await connection.post("/openrtb2/demo", encode(bid_request(f"n{number}-{i}")))
                ).status
                for i in range(20)
            ]
            return statuses.count(200)

        sold = sum(await asyncio.gather(*(send(c, n) for n, c in enumerate(connections))))
        await platform.settled(
            lambda t: sum(e.request_id.startswith("n") for e in t.auctions) >= 200
        )
        events = [e for e in platform.treasury.auctions if e.request_id.startswith("n")]
        assert len({event.request_id for event in events}) == len(events) == 200
        assert sum(event.outcome == "won" for event in events) == sold
        sealed = {event.subject.key_id for event in events if event.subject}
        assert sealed <= platform.treasury.keys
        assert all(b"203.0.113.9" not in event.request for event in events)


async def test_more_is_never_sold_than_there_is_money_for(platform: Platform) -> None:
    platform.treasury.funds[OWN] = 2_000 * 10
    await platform.publish()
    async with platform.bidder():
        await platform.wait_ready()
        connections = [await RawHttp.connect(platform.port) for _ in range(16)]
        sold = 0

        async def send(connection: RawHttp, number: int) -> None:
            nonlocal sold
            tries = 0
            while sold < 10 or tries < 20:
                imp = {"id": "1", "banner": {"w": 300, "h": 250}, "bidfloor": 2.0}
                body = encode(bid_request(f"p{number}-{tries}", imp=[imp]))
                reply = await connection.post("/openrtb2/demo", body)
                sold += reply.status == 200
                tries += 1

        async with asyncio.timeout(20):
            await asyncio.gather(*(send(c, n) for n, c in enumerate(connections)))
        assert sold == 10


async def test_a_test_request_is_answered_and_nobody_pays(platform: Platform) -> None:
    async with selling(platform) as exchange:
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("t1", test=1)))
        assert reply.status == 200
        event = await recorded(platform, "t1")
        assert (event.outcome, event.test) == ("won", True)
        assert event.event_id not in platform.treasury.seq_of


async def test_an_exchange_that_hangs_up_gets_its_debit_voided(
    platform: Platform, until: Until
) -> None:
    async with (
        dsp_server(after(0.05, answer(b"", "204 No Content"))) as server,
        selling(platform, dsp(server.url)) as exchange,
    ):
        gone = await RawHttp.connect(platform.port)
        gone.send("/openrtb2/demo", encode(bid_request("gone")))
        await until(lambda: any(b'"gone"' in body for _, body in server.requests))
        gone.close()
        event = await recorded(platform, "gone")
        seq = platform.treasury.seq_of[event.event_id]
        await platform.settled(lambda treasury: seq in treasury.void)
        assert (await exchange.post("/openrtb2/demo", encode(bid_request("x")))).status == 200


async def test_without_a_banker_nothing_is_sold_and_it_goes_on_when_it_is_back(
    platform: Platform,
) -> None:
    async with selling(platform) as exchange:
        await platform.stop_banker(9)
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("b1")))
        assert reply.status == 204
        assert reply.headers["x-rtb-reason"]
        assert (await exchange.get("/readyz")).status == 503
        await platform.start_banker()
        await until_sold(exchange)
        event = await recorded(platform, "b1")
        assert (event.outcome, event.http_status) == ("no_bid", 204)


async def test_without_redis_it_sells_from_its_leases_and_says_what_it_lacked(
    platform: Platform,
) -> None:
    async with selling(platform, velocity_per_minute_max={"ip": 1_000_000}) as exchange:
        with platform.redis.stopped():
            reply = await exchange.post("/openrtb2/demo", encode(bid_request("nr")))
            assert reply.status == 200
        event = await recorded(platform, "nr")
        assert event.degraded == ["enrich"]


async def test_a_new_snapshot_is_in_force_within_two_seconds(platform: Platform) -> None:
    async with selling(platform) as exchange:
        await platform.publish(killed=True)
        async with asyncio.timeout(2):
            while (await exchange.post("/openrtb2/demo", encode(bid_request("s")))).status == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("killed")))
        assert reply.headers["x-rtb-reason"] == "the platform is switched off"


async def test_an_exchange_that_wants_reasons_gets_them_signed(platform: Platform) -> None:
    wants = ExchangeView(1, "demo", [exchange_key_hash(KEY)], 0, explains_no_bids=True)
    await platform.publish(exchanges=[wants], campaigns=[])
    async with platform.bidder():
        await platform.wait_ready()
        exchange = await RawHttp.connect(platform.port)
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("why")))
        assert (reply.status, msgspec.json.decode(reply.body)["nbr"]) == (200, 500)
        key = answer_signing_key(SECRET, "demo", 1)
        assert reply.headers["x-rtb-signature"] == sign_answer(key, "why", reply.body)


async def test_notices_are_recorded_once_and_forged_ones_not_at_all(platform: Platform) -> None:
    async with selling(platform) as exchange, aiohttp.ClientSession() as session:
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("w1")))
        bid = msgspec.json.decode(reply.body)["seatbid"][0]["bid"][0]
        url = bid["nurl"].replace("${AUCTION_PRICE}", "0.5")
        for _ in range(3):
            async with session.get(url) as answered:
                assert answered.status == 200
        async with session.get(url.replace("t=", "t=A")) as answered:
            assert answered.status == 400
        await recorded(platform, "w1")
        await platform.settled(lambda treasury: len(treasury.notices) >= 1)
        (notice,) = platform.treasury.notices
        assert (notice.kind, notice.request_id, notice.price) == ("win", "w1", "0.5")
        assert notice.debit_id in platform.treasury.debits


async def test_a_large_answer_is_compressed_when_asked_for(platform: Platform) -> None:
    many = [{"id": str(n), "banner": {"w": 300, "h": 250}} for n in range(8)]
    async with selling(platform) as exchange:
        body = encode(bid_request("z", imp=many))
        reply = await exchange.post("/openrtb2/demo", body, {"Accept-Encoding": "gzip"})
        assert reply.status == 200
        plain = reply.body
        if reply.headers.get("content-encoding") == "gzip":
            plain = gzip.decompress(plain)
        assert len(plain) <= 1024 or reply.headers["content-encoding"] == "gzip"
        key = answer_signing_key(SECRET, "demo", 1)
        assert reply.headers["x-rtb-signature"] == sign_answer(key, "z", plain)


async def test_it_speaks_http_1_0_and_pipelining(platform: Platform) -> None:
    async with selling(platform) as exchange:
        for number in range(3):
            exchange.send("/openrtb2/demo", encode(bid_request(f"pipe{number}")))
        ids = [msgspec.json.decode((await exchange.receive()).body)["id"] for _ in range(3)]
        assert ids == ["pipe0", "pipe1", "pipe2"]
        old = await RawHttp.connect(platform.port, version="1.0")
        reply = await old.post("/openrtb2/demo", encode(bid_request("old")))
        assert reply.status == 200
        assert reply.headers["connection"] == "close"


async def test_numbers_of_all_workers_are_served(platform: Platform) -> None:
    async with selling(platform) as exchange:
        async with asyncio.timeout(5):
            while True:
                text = (await exchange.get("/metrics")).body.decode()
                if 'rtb_requests_total{exchange="demo",outcome="won"' in text:
                    break
                await asyncio.sleep(0.05)
        assert "rtb_unexpected_total" not in text
