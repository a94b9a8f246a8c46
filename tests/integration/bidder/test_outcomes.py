"""What the stream says became of an answer (R8), by how its connection ended."""

from __future__ import annotations

from tests.integration.bidder.platform import Platform, Treasury, bid_request, encode
from tests.integration.bidder.raw_http import RawHttp
from tests.integration.bidder.test_bidder import selling


def undecided(treasury: Treasury) -> int:
    """Debits in the stream that nobody has reported on."""
    return len(treasury.debits) - len(treasury.sent) - len(treasury.void) - len(treasury.unknown)


async def test_an_answer_on_a_connection_that_closes_after_it_is_sent(platform: Platform) -> None:
    async with selling(platform):
        for number in range(20):
            once = await RawHttp.connect(platform.port)
            reply = await once.post(
                "/openrtb2/demo", encode(bid_request(f"r{number}")), {"Connection": "close"}
            )
            assert reply.status == 200
            once.close()
        await platform.settled(lambda treasury: len(treasury.debits) >= 21)
        await platform.settled(lambda treasury: undecided(treasury) == 0)
        assert not platform.treasury.unknown


async def test_a_bidder_that_stops_leaves_nothing_unknown(platform: Platform) -> None:
    async with selling(platform) as exchange:
        reply = await exchange.post("/openrtb2/demo", encode(bid_request("last")))
        assert reply.status == 200
    await platform.settled(lambda treasury: undecided(treasury) == 0)
    assert not platform.treasury.unknown
