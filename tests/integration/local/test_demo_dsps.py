"""The simulated DSPs over real connections: what they answer, and how they misbehave when told to."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from rtbplatform.local import ports
from rtbplatform.local.demo_dsps import Simulators, serve
from rtbplatform.local.dsp_bids import Buyer
from rtbplatform.local.traffic import Traffic

BODY = Traffic(seed=1).make(1, "app").body
NAMES = ("alder", "slowpoke", "garbler")


class Dsps:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def bid(self, name: str, body: bytes = BODY) -> tuple[int, bytes]:
        async with self.session.post(f"{self.url}/dsp/{name}/bid", data=body) as reply:
            return reply.status, await reply.read()

    async def control(self, name: str, **changes: object) -> int:
        async with self.session.post(f"{self.url}/control/{name}", json=changes) as reply:
            return reply.status

    async def counters(self, name: str) -> dict[str, object]:
        async with self.session.get(f"{self.url}/control") as reply:
            content = await reply.json()
            counters: dict[str, object] = content[name]["counters"]
            return counters


@pytest.fixture
async def dsps() -> AsyncIterator[Dsps]:
    port = ports.choose()
    url = f"http://127.0.0.1:{port}"
    buyers = [Buyer(name=name, seat="s", cids=[1], crids=["a-banner"]) for name in NAMES]
    held = ports.hold("127.0.0.1", port)
    server = await serve(held, Simulators(buyers, url))
    async with aiohttp.ClientSession() as session:
        yield Dsps(url, session)
    server.close()


async def test_a_well_behaved_dsp_bids_on_an_imp_of_the_request(dsps: Dsps) -> None:
    await dsps.control("alder", bid_rate=1.0, price_cpm="9.00", price_sigma=0, delay_ms=1)
    status, body = await dsps.bid("alder")
    answer = msgspec.json.decode(body)
    assert status == 200
    assert answer["seatbid"][0]["bid"][0]["impid"] in {"1", "2"}


async def test_no_bid_is_204_without_content(dsps: Dsps) -> None:
    await dsps.control("alder", mode="nobid")
    assert await dsps.bid("alder") == (204, b"")


async def test_the_slow_one_takes_half_a_second(dsps: Dsps) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await dsps.bid("slowpoke")


async def test_the_garbler_never_answers_a_valid_response(dsps: Dsps) -> None:
    _, body = await dsps.bid("garbler")
    with pytest.raises((msgspec.MsgspecError, TypeError, ValueError)):
        float(msgspec.json.decode(body)["seatbid"][0]["bid"][0]["price"])


async def test_reset_closes_the_connection_without_an_answer(dsps: Dsps) -> None:
    await dsps.control("alder", mode="reset")
    with pytest.raises(aiohttp.ClientError):
        await dsps.bid("alder")


async def test_drip_arrives_whole_in_the_end(dsps: Dsps) -> None:
    await dsps.control("alder", mode="drip", bid_rate=1.0, price_cpm="9", price_sigma=0)
    _, body = await dsps.bid("alder")
    assert msgspec.json.decode(body)["cur"] == "USD"


async def test_an_unreadable_request_is_refused_and_counted(dsps: Dsps) -> None:
    assert (await dsps.bid("alder", b"{"))[0] == 400
    assert (await dsps.counters("alder"))["unreadable"] == 1


async def test_notices_are_counted_by_kind(dsps: Dsps) -> None:
    async with dsps.session.get(f"{dsps.url}/dsp/alder/notice?kind=billing&price=1.2") as reply:
        assert reply.status == 204
    assert (await dsps.counters("alder"))["notices"] == {"billing": 1}


@pytest.mark.parametrize("changes", [{"mode": "dance"}, {"colour": 1}, {"delay_ms": "soon"}])
async def test_a_wrong_change_is_refused(dsps: Dsps, changes: dict[str, object]) -> None:
    assert await dsps.control("alder", **changes) == 400


async def test_an_unknown_dsp_is_not_found(dsps: Dsps) -> None:
    assert (await dsps.bid("nobody"))[0] == 404


async def test_the_same_request_gets_the_same_bid(dsps: Dsps) -> None:
    assert await dsps.bid("alder") == await dsps.bid("alder")
