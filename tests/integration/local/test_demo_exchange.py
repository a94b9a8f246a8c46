"""The demo exchange against a small server that answers as a bidder does: signatures, notices, counting."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import aiohttp
import msgspec
import pytest
from aiohttp import web

from rtbplatform.kernel.keys import answer_signing_key, sign_answer
from rtbplatform.local.demo_exchange import DemoExchange, Exchange, Seen
from rtbplatform.local.traffic import Traffic

SECRET = "s" * 64


class Bidder:
    """Answers every request with one bid of 1.23; `secret` signs."""

    def __init__(self) -> None:
        self.secret = SECRET
        self.status = 200
        self.received: list[dict[str, object]] = []
        self.notices: list[str] = []
        self.url = ""

    async def bid(self, request: web.Request) -> web.Response:
        sent = await request.json()
        self.received.append(sent)
        if self.status != 200:
            return web.Response(status=self.status)
        notice = f"{self.url}/notice?price=${{AUCTION_PRICE}}"
        bid = {
            "id": "b",
            "impid": "1",
            "price": 1.23,
            "nurl": notice,
            "burl": notice,
            "lurl": notice,
        }
        body = msgspec.json.encode({"id": sent["id"], "seatbid": [{"bid": [bid]}]})
        signature = sign_answer(answer_signing_key(self.secret, "demo", 1), sent["id"], body)
        return web.Response(body=body, headers={"X-Signature": signature})

    async def notice(self, request: web.Request) -> web.Response:
        self.notices.append(request.query["price"])
        return web.Response(status=204)


@pytest.fixture
async def bidder() -> AsyncIterator[Bidder]:
    made = Bidder()
    app = web.Application()
    app.router.add_post("/openrtb2/demo", made.bid)
    app.router.add_get("/notice", made.notice)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def exchange_for(bidder: Bidder, requests: int) -> Seen:
    """Runs the exchange until the bidder has received so many requests; what it saw."""
    async with aiohttp.ClientSession() as session:
        exchange = DemoExchange(Exchange("demo", "key"), [bidder.url], SECRET, session)
        stopped = asyncio.Event()
        run = asyncio.create_task(exchange.run(200, Traffic(seed=1), stopped))
        async with asyncio.timeout(20):
            while len(bidder.received) < requests:  # noqa: ASYNC110 - the bidder is the observer
                await asyncio.sleep(0.01)
        stopped.set()
        await run
        return exchange.seen


async def test_every_answer_is_counted_with_its_exact_price(bidder: Bidder) -> None:
    seen = await exchange_for(bidder, 20)
    assert seen.price_cpm_sum == Decimal("1.23") * seen.bids


async def test_a_right_signature_raises_no_complaint(bidder: Bidder) -> None:
    seen = await exchange_for(bidder, 20)
    assert (seen.answered, seen.unsigned, seen.badly_signed) == (seen.sent, 0, 0)


async def test_a_wrong_signature_is_counted(bidder: Bidder) -> None:
    bidder.secret = "t" * 64
    seen = await exchange_for(bidder, 20)
    assert seen.badly_signed == seen.sent


async def test_notices_carry_the_price(bidder: Bidder) -> None:
    await exchange_for(bidder, 20)
    assert set(bidder.notices) == {"1.23"}


async def test_no_bids_are_counted(bidder: Bidder) -> None:
    bidder.status = 204
    seen = await exchange_for(bidder, 20)
    assert seen.no_bids == seen.sent


async def test_refusals_are_counted_by_status(bidder: Bidder) -> None:
    bidder.status = 429
    seen = await exchange_for(bidder, 20)
    assert seen.refused == {429: seen.sent}


async def test_request_ids_never_repeat(bidder: Bidder) -> None:
    await exchange_for(bidder, 50)
    ids = [request["id"] for request in bidder.received]
    assert len(ids) == len(set(ids))
