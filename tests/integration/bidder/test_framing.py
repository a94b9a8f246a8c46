"""A body that never comes in whole must not put its connection out of step with the next request."""

from __future__ import annotations

import asyncio

from tests.integration.bidder.platform import KEY, Platform, bid_request, encode
from tests.integration.bidder.test_bidder import selling


async def test_a_connection_whose_body_stays_short_is_closed(platform: Platform) -> None:
    async with selling(platform):
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
        body = encode(bid_request("short"))
        head = f"POST /openrtb2/demo HTTP/1.1\r\nHost: t\r\nX-Exchange-Key: {KEY}\r\n"
        writer.write(f"{head}Content-Length: {len(body) + 10}\r\n\r\n".encode() + body)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"Connection: close\r\n" in answer
        await platform.settled(
            lambda treasury: "short" in {e.request_id for e in treasury.auctions}
        )


async def test_a_body_announced_too_large_is_found_by_its_id(platform: Platform) -> None:
    async with selling(platform) as exchange:
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("big", x="x" * 300_000)))
        assert reply.status == 413
        await platform.settled(lambda treasury: "big" in {e.request_id for e in treasury.auctions})
