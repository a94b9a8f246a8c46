"""An exchange that is charged on its billing notice: from the answer to the claim in the stream."""

from __future__ import annotations

import aiohttp
import msgspec

from rtbplatform.kernel.keys import exchange_key_hash
from rtbplatform.kernel.snapshot import ExchangeView
from tests.integration.bidder.platform import KEY, Platform, bid_request, encode
from tests.integration.bidder.test_bidder import selling

HELD = ExchangeView(
    1,
    "demo",
    [exchange_key_hash(KEY)],
    qps_max=0,
    charging="on_billing_notice",
    billing_horizon_ms=60_000,
)


async def test_a_billing_notice_claims_its_price_of_the_hold(platform: Platform) -> None:
    async with selling(platform, exchanges=[HELD]) as connection:
        answer = await connection.post("/openrtb2/demo", encode(bid_request("h1")))
        body = msgspec.json.decode(answer.body)
        url = body["seatbid"][0]["bid"][0]["burl"].replace("${AUCTION_PRICE}", "0.25")
        async with aiohttp.ClientSession() as session, session.get(url) as billed:
            assert billed.status == 200
        await platform.settled(lambda treasury: len(treasury.claims) == 1)
        (claim,) = platform.treasury.claims
        debit_id = bytes.fromhex(body["bidid"])
        (line,) = platform.treasury.debits[debit_id]
        assert platform.treasury.hold_ms[debit_id] == 60_000
        assert (claim.kind, claim.lease, claim.hold_micros, claim.bill_micros) == (
            *("billing", line.lease, line.amount_micros, 250),
        )
