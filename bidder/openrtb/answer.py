"""Stage 5: a DSP's answer, decoded as far as the auction needs it."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class BadAnswerError(ValueError):
    """An answer of which nothing can be used. `cause` is one of a fixed set of words."""

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause


class DspBid(msgspec.Struct):
    """Section 4.2.3, what decisions are made on and what the winner's answer needs."""

    id: str
    impid: str
    price: Decimal
    seat: str = ""
    group: bool = False
    """Of a seatbid whose bids win all or not at all."""
    price_cpm_micros: int = 0
    cid: str = ""
    crid: str = ""
    adid: str = ""
    adomain: list[str] = []
    bundle: str = ""
    cat: list[str] = []
    attr: list[int] = []
    adm: str = ""
    nurl: str = ""
    burl: str = ""
    lurl: str = ""
    dealid: str = ""
    w: int = 0
    h: int = 0
    mtype: int = 0
    dur: int = 0
    protocol: int = 0
    api: list[int] = []
    language: str = ""
    exp: int = 0


class DroppedBid(msgspec.Struct):
    """A single bid that could not be used; the rest of the answer was."""

    bid_id: str
    imp_id: str
    loss: int
    detail: str


class DspAnswer(msgspec.Struct):
    id: str
    bidid: str
    cur: str
    nbr: int
    bids: list[DspBid]
    """Empty = no-bid."""
    dropped: list[DroppedBid]


def parse_answer(body: bytes) -> DspAnswer:
    """Raises BadAnswerError(cause) when nothing of it can be used."""
    raise NotImplementedError
