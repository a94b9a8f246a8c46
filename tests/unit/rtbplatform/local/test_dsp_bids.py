"""What a simulated DSP bids on, and what it never does."""

import random
from decimal import Decimal

import pytest

from rtbplatform.local.dsp_bids import (
    Banner,
    Behaviour,
    BidRequest,
    BidResponse,
    Buyer,
    Format,
    Imp,
    Video,
    decode_request,
    encode_response,
    respond,
)
from rtbplatform.local.traffic import Traffic

BUYER = Buyer(
    name="alder",
    seat="s1",
    cids=[7, 8],
    crids=["x-banner-1", "x-video-1"],
    adomain=["brand.example"],
)
ALWAYS = Behaviour(bid_rate=1.0)


def answer(request: BidRequest, behaviour: Behaviour = ALWAYS, seed: int = 1) -> BidResponse | None:
    return respond(request, BUYER, behaviour, random.Random(seed), "http://dsp.example")


def banner_request(floor: str = "0") -> BidRequest:
    banner = Banner(format=[Format(w=300, h=250)])
    return BidRequest(
        id="r", imp=[Imp(id="1", banner=banner, bidfloor=Decimal(floor))], cur=["USD"]
    )


def test_a_banner_bid_has_a_size_of_the_imp() -> None:
    response = answer(banner_request())
    assert response is not None
    assert (response.seatbid[0].bid[0].w, response.seatbid[0].bid[0].h) == (300, 250)


def test_no_bid_is_below_the_floor() -> None:
    for seed in range(200):
        response = answer(banner_request("2.00"), seed=seed)
        assert response is None or response.seatbid[0].bid[0].price >= Decimal("2.00")


def test_an_imp_without_a_size_gets_no_bid() -> None:
    assert answer(BidRequest(id="r", imp=[Imp(id="1", banner=Banner())])) is None


def test_a_foreign_currency_gets_no_bid() -> None:
    request = banner_request()
    request.cur = ["EUR"]
    assert answer(request) is None


def test_a_buyer_without_campaigns_never_bids() -> None:
    request = banner_request()
    assert respond(request, Buyer(name="x"), ALWAYS, random.Random(1), "http://d") is None


def test_a_bid_names_a_campaign_that_pays() -> None:
    response = answer(banner_request())
    assert response is not None
    assert response.seatbid[0].bid[0].cid in {"7", "8"}


def test_a_video_bid_is_vast_with_a_media_type_of_the_imp() -> None:
    request = BidRequest(id="r", imp=[Imp(id="1", video=Video(mimes=["video/webm"], w=640, h=360))])
    response = answer(request)
    assert response is not None
    assert 'type="video/webm"' in response.seatbid[0].bid[0].adm


def test_a_video_bid_uses_a_video_creative() -> None:
    response = answer(BidRequest(id="r", imp=[Imp(id="1", video=Video(mimes=["video/mp4"]))]))
    assert response is not None
    assert response.seatbid[0].bid[0].crid == "x-video-1"


def test_the_billing_notice_carries_the_price_macro() -> None:
    response = answer(banner_request())
    assert response is not None
    assert "${AUCTION_PRICE}" in response.seatbid[0].bid[0].burl


def test_prices_are_json_numbers_with_cents() -> None:
    response = answer(banner_request())
    assert response is not None
    price = response.seatbid[0].bid[0].price
    assert f'"price":{price}'.encode() in encode_response(response)


@pytest.mark.parametrize("number", range(20))
def test_generated_requests_are_understood(number: int) -> None:
    request = decode_request(Traffic(seed=1).make(number).body)
    assert all(imp.banner or imp.video for imp in request.imp)


def test_a_bid_rate_of_zero_never_bids() -> None:
    assert answer(banner_request(), Behaviour(bid_rate=0.0)) is None
