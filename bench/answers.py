"""Reads answers as an exchange would: which campaign was sold to at what price, and what that costs in micros."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from bench.figures import Answer
from rtbplatform.kernel import money


class Bid(msgspec.Struct):
    id: str
    impid: str
    price: Decimal
    cid: str = ""
    crid: str = ""
    adm: str = ""
    nurl: str = ""
    burl: str = ""
    lurl: str = ""


class SeatBid(msgspec.Struct):
    bid: list[Bid]
    seat: str = ""


class BidResponse(msgspec.Struct):
    id: str
    seatbid: list[SeatBid] = []
    cur: str = "USD"
    nbr: int | None = None


class Price(msgspec.Struct, frozen=True):
    """One imp sold."""

    request_id: str
    impid: str
    campaign: str
    currency: str
    cpm_micros: int
    cost_micros: int


_decoder = msgspec.json.Decoder(BidResponse)


def response_of(answer: Answer) -> BidResponse:
    """Raises msgspec.MsgspecError for an answer that is no OpenRTB bid response."""
    return _decoder.decode(answer.body)


def prices_of(answer: Answer) -> list[Price]:
    """What an answer sold. Costs are in the answer's currency, rounded as the platform's contract says."""
    if answer.status != 200:
        return []
    response = response_of(answer)
    return [
        Price(
            response.id,
            bid.impid,
            bid.cid,
            response.cur,
            cpm := money.bid_cpm_micros(bid.price),
            money.cost_micros(cpm),
        )
        for seat in response.seatbid
        for bid in seat.bid
    ]


def spent_by_campaign(answers: Iterable[Answer]) -> Counter[str]:
    """Micros per campaign id (`cid`) over all answers seen."""
    spent: Counter[str] = Counter()
    for answer in answers:
        for price in prices_of(answer):
            spent[price.campaign] += price.cost_micros
    return spent
