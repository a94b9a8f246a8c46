"""What a simulated DSP bids: OpenRTB 2.6 responses for banner and video imps, a pure function of request and seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

Mode = Literal["bid", "nobid", "garbage", "slow", "reset", "drip", "error"]
CENT = Decimal("0.01")
MTYPE_BANNER, MTYPE_VIDEO = 1, 2
GARBAGE = (
    b'{"id":"',
    b"<html>502 Bad Gateway</html>",
    b"[]",
    b'{"seatbid":[{"bid":[{"price":"x"}]}]}',
)


class Format(Struct):
    w: int = 0
    h: int = 0


class Banner(Struct):
    w: int = 0
    h: int = 0
    format: list[Format] = []


class Video(Struct):
    mimes: list[str] = []
    w: int = 0
    h: int = 0
    minduration: int = 0
    maxduration: int = 30


class Imp(Struct):
    id: str
    banner: Banner | None = None
    video: Video | None = None
    bidfloor: Decimal = Decimal(0)
    bidfloorcur: str = "USD"


class BidRequest(Struct):
    """The fields that the simulators look at; all others are ignored."""

    id: str
    imp: list[Imp]
    cur: list[str] = []


class Buyer(Struct, frozen=True):
    """Who a simulated DSP buys for (var/demo.json)."""

    name: str
    seat: str = ""
    cids: list[str | int] = []
    crids: list[str] = []
    adomain: list[str] | str = []


class Behaviour(Struct, kw_only=True):
    """How it behaves; changed at run time through /control."""

    mode: Mode = "bid"
    delay_ms: float = 12.0
    """Median of a lognormal; exact in mode `slow`."""
    delay_sigma: float = 0.4
    bid_rate: float = 0.8
    """Share of imps that it bids on."""
    price_cpm: Decimal = Decimal("2.00")
    """Median of a lognormal, USD."""
    price_sigma: float = 0.5


class Bid(Struct, omit_defaults=True):
    id: str
    impid: str
    price: Decimal
    cid: str
    crid: str
    adomain: list[str]
    adm: str
    nurl: str
    burl: str
    lurl: str
    mtype: int
    w: int = 0
    h: int = 0
    dur: int = 0


class SeatBid(Struct):
    bid: list[Bid]
    seat: str


class BidResponse(Struct):
    id: str
    seatbid: list[SeatBid]
    cur: str = "USD"


decode_request = msgspec.json.Decoder(BidRequest).decode
encode_response = msgspec.json.Encoder(decimal_format="number").encode


def delay_s(behaviour: Behaviour, rng: random.Random) -> float:
    """How long this answer takes, seconds."""
    if behaviour.mode == "slow":
        return behaviour.delay_ms / 1000
    return behaviour.delay_ms / 1000 * rng.lognormvariate(0, behaviour.delay_sigma)


def respond(
    request: BidRequest, buyer: Buyer, behaviour: Behaviour, rng: random.Random, base_url: str
) -> BidResponse | None:
    """None = no bid. Bids above the floor, in USD, in sizes and types that the imp takes."""
    if not buyer.cids or (request.cur and "USD" not in request.cur):
        return None
    bids = [
        bid
        for imp in request.imp
        if rng.random() < behaviour.bid_rate
        and (bid := _bid(imp, buyer, behaviour, rng, base_url)) is not None
    ]
    if not bids:
        return None
    return BidResponse(id=request.id, seatbid=[SeatBid(bid=bids, seat=buyer.seat or buyer.name)])


def _bid(
    imp: Imp,
    buyer: Buyer,
    behaviour: Behaviour,
    rng: random.Random,
    base_url: str,
) -> Bid | None:
    drawn = behaviour.price_cpm * Decimal(rng.lognormvariate(0, behaviour.price_sigma))
    price = max(CENT, drawn.quantize(CENT))
    if price < imp.bidfloor or imp.bidfloorcur != "USD":
        return None
    notice = (
        f"{base_url}/dsp/{quote(buyer.name)}/notice?imp={quote(imp.id)}&price=${{AUCTION_PRICE}}"
    )
    bid = Bid(
        id=f"{buyer.name}-{rng.getrandbits(48):012x}",
        impid=imp.id,
        price=price,
        cid=str(rng.choice(buyer.cids)),
        crid="",
        adomain=[buyer.adomain] if isinstance(buyer.adomain, str) else buyer.adomain,
        adm="",
        nurl=f"{notice}&kind=win",
        burl=f"{notice}&kind=billing",
        lurl=f"{notice}&kind=loss&loss=${{AUCTION_LOSS}}",
        mtype=MTYPE_BANNER,
    )
    if imp.video is not None and imp.video.mimes:
        _fill_video(bid, imp.video, buyer, rng)
    elif imp.banner is not None and (sizes := _sizes(imp.banner)):
        _fill_banner(bid, rng.choice(sizes), buyer, rng)
    else:
        return None
    return bid


def _sizes(banner: Banner) -> list[tuple[int, int]]:
    sizes = [(banner.w, banner.h), *((one.w, one.h) for one in banner.format)]
    return [(width, height) for width, height in sizes if width and height]


def _crid(buyer: Buyer, kind: str, rng: random.Random) -> str:
    """A creative whose name says the format, else any."""
    fitting = [crid for crid in buyer.crids if kind in crid] or buyer.crids
    return rng.choice(fitting) if fitting else f"{buyer.name}-{kind}"


def _pixel(buyer: Buyer) -> str:
    """A tracker that secure pages may load: markup with a plain http address loses (not secure)."""
    return f"https://pixel.{buyer.name}.example/seen?price=${{AUCTION_PRICE}}"


def _fill_banner(bid: Bid, size: tuple[int, int], buyer: Buyer, rng: random.Random) -> None:
    bid.w, bid.h = size
    bid.crid = _crid(buyer, "banner", rng)
    bid.adm = (
        f'<a href="https://{bid.adomain[0] if bid.adomain else "brand.example"}/">'
        f'<img src="https://cdn.{buyer.name}.example/{bid.crid}.png" width="{bid.w}" height="{bid.h}">'
        f'</a><img src="{_pixel(buyer)}" width="1" height="1">'
    )


def _fill_video(bid: Bid, video: Video, buyer: Buyer, rng: random.Random) -> None:
    bid.mtype = MTYPE_VIDEO
    bid.w, bid.h = video.w or 1280, video.h or 720
    bid.dur = max(video.minduration, min(15, video.maxduration))
    bid.crid = _crid(buyer, "video", rng)
    bid.adm = (
        f'<VAST version="4.0"><Ad id="{bid.crid}"><InLine><AdSystem>{buyer.name}</AdSystem>'
        f"<AdTitle>{bid.crid}</AdTitle><Impression><![CDATA[{_pixel(buyer)}]]></Impression>"
        f"<Creatives><Creative><Linear><Duration>00:00:{bid.dur:02d}</Duration><MediaFiles>"
        f'<MediaFile delivery="progressive" type="{video.mimes[0]}" width="{bid.w}" height="{bid.h}">'
        f"<![CDATA[https://cdn.{buyer.name}.example/{bid.crid}]]></MediaFile></MediaFiles>"
        "</Linear></Creative></Creatives></InLine></Ad></VAST>"
    )
