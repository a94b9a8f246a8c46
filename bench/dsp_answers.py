"""What a stub DSP answers: bids for the imps of a request, from pieces made once."""

from __future__ import annotations

import random

import msgspec

PRICE_STEPS = 256


class Behaviour(msgspec.Struct, frozen=True):
    """One stub DSP, found by its path."""

    path: str
    campaigns: list[int]
    """Platform campaigns that its bids name as `cid`, in turn."""
    adomain: str = "brand.example"
    crid: str = "stub"
    price_min: float = 1.0
    price_max: float = 4.0
    bid_share: float = 1.0
    """Of the requests, answered with bids; the others get 204."""
    median_ms: float = 12.0
    sigma: float = 0.35
    """Of the lognormal delay."""
    slow_share: float = 0.01
    slow_ms: float = 100.0
    mode: str = "bid"
    """bid | floor (a constant 204 at once) | garbage (200, not JSON) | error (500)"""
    seed: int = 1


class _Size(msgspec.Struct):
    w: int = 0
    h: int = 0


class _Banner(msgspec.Struct):
    w: int = 0
    h: int = 0
    format: list[_Size] = []


class _Imp(msgspec.Struct):
    id: str
    banner: _Banner | None = None


class _Request(msgspec.Struct):
    id: str
    imp: list[_Imp]


_decode = msgspec.json.Decoder(_Request).decode

NO_BID = b"HTTP/1.1 204 No Content\r\n\r\n"
GARBAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n<html>oops</"
)
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

VAST = (
    "<VAST version='3.0'><Ad id='1'><InLine><AdSystem>stub</AdSystem><AdTitle>stub</AdTitle>"
    "<Impression>https://imp.example/i?p=${AUCTION_PRICE}</Impression><Creatives><Creative><Linear>"
    "<Duration>00:00:15</Duration><MediaFiles><MediaFile delivery='progressive' type='video/mp4' "
    "width='1280' height='720'>https://cdn.example/a.mp4</MediaFile></MediaFiles></Linear></Creative>"
    "</Creatives></InLine></Ad></VAST>"
)
HTML = "<a href='https://click.example/'><img src='https://cdn.example/a.png?p=${AUCTION_PRICE}' width='%d' height='%d'></a>"


class StubDsp:
    """Answers and delays of one behaviour, deterministic by its seed."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._random = random.Random(behaviour.seed)
        spread = behaviour.price_max - behaviour.price_min
        draw = self._random.random
        self._prices = [
            b"%.4f" % (behaviour.price_min + spread * draw()) for _ in range(PRICE_STEPS)
        ]
        self._tails: dict[tuple[int, int, int], bytes] = {}
        self._delays = [self._delay_ms() for _ in range(4096)]
        self._count = 0

    def _delay_ms(self) -> float:
        if self._random.random() < self.behaviour.slow_share:
            return self.behaviour.slow_ms
        return self.behaviour.median_ms * self._random.lognormvariate(0, self.behaviour.sigma)

    def delay_ms(self) -> float:
        return self._delays[self._count * 2654435761 % 4096]

    def answer(self, body: bytes) -> bytes:
        """The whole HTTP message. Raises msgspec.MsgspecError for a body that is no bid request."""
        self._count += 1
        mode = self.behaviour.mode
        if mode != "bid":
            return {"garbage": GARBAGE, "error": ERROR}.get(mode, NO_BID)
        if self.behaviour.bid_share < 1 and self._random.random() >= self.behaviour.bid_share:
            return NO_BID
        request = _decode(body)
        bids = b",".join([self._bid(imp, place) for place, imp in enumerate(request.imp)])
        answer = b'{"id":"%b","cur":"USD","seatbid":[{"seat":"stub","bid":[%b]}]}' % (
            request.id.encode(),
            bids,
        )
        return HEAD % len(answer) + answer

    def _bid(self, imp: _Imp, place: int) -> bytes:
        count = self._count * 7 + place
        width, height = _size(imp.banner)
        key = (width, height, count % len(self.behaviour.campaigns))
        tail = self._tails.get(key)
        if tail is None:
            tail = self._tails[key] = self._tail(*key)
        return b'{"id":"b%d","impid":"%b","price":%b,%b}' % (
            count,
            imp.id.encode(),
            self._prices[count % PRICE_STEPS],
            tail,
        )

    def _tail(self, width: int, height: int, campaign: int) -> bytes:
        """The members of a bid that do not depend on the request; width 0 = video."""
        behaviour = self.behaviour
        shape = (
            {"w": width, "h": height} if width else {"w": 1280, "h": 720, "dur": 15, "protocol": 3}
        )
        members = {
            "cid": str(behaviour.campaigns[campaign]),
            "crid": behaviour.crid,
            "adomain": [behaviour.adomain],
            "cat": ["IAB3"],
            "adm": HTML % (width, height) if width else VAST,
            "mtype": 1 if width else 2,
            "nurl": "http://127.0.0.1:9/win?p=${AUCTION_PRICE}",
            **shape,
        }
        return msgspec.json.encode(members)[1:-1]


def _size(banner: _Banner | None) -> tuple[int, int]:
    if banner is None:
        return 0, 0
    if banner.format:
        return banner.format[0].w, banner.format[0].h
    return banner.w, banner.h
