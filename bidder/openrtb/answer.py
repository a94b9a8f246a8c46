"""Stage 5: a DSP's answer, decoded as far as the auction needs it.

In: the body, decompressed. Out: `DspAnswer`. On failure: BadAnswerError for an answer of which nothing can be used; a
single unusable bid is left out with its loss. Time: 1-2 us.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from bidder.openrtb.imp import ABSENT
from bidder.openrtb.numbers import price_of
from rtbplatform.kernel.codes import Loss
from rtbplatform.kernel.money import MoneyError

BIDS_MAX = 200


class BadAnswerError(ValueError):
    """An answer of which nothing can be used. `cause` is one of a fixed set of words."""

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause


class DspBid(
    Struct, rename={"seat": "@seat", "group": "@group", "price_cpm_micros": "@price_cpm_micros"}
):
    """Section 4.2.3: what decisions are made on, and what the winner's answer needs."""

    id: str = ""
    impid: str = ""
    price: Raw = ABSENT
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
    api: int = 0
    apis: list[int] = []
    language: str = ""
    langb: str = ""
    exp: int = 0
    seat: str = ""
    """Derived: that of its seatbid."""
    group: int = 0
    """Derived: number of its seatbid (from 1) when that one's bids win all or not at all; 0 = alone."""
    price_cpm_micros: int = 0
    """Derived, in the answer's currency."""


class DroppedBid(Struct):
    """A single bid that could not be used; the rest of the answer was."""

    bid_id: str
    imp_id: str
    seat: str
    loss: int
    detail: str


class DspAnswer(Struct):
    id: str
    bidid: str
    cur: str
    nbr: int
    """-1 = not said."""
    bids: list[DspBid]
    """Empty = no-bid."""
    dropped: list[DroppedBid]


class _SeatBid(Struct):
    bid: list[DspBid] = []
    seat: str = ""
    group: int = 0


class _Envelope(Struct):
    id: str = ""
    seatbid: list[_SeatBid] = []
    bidid: str = ""
    cur: str = "USD"
    nbr: int = -1


class _RawSeatBid(Struct):
    bid: list[Raw] = []
    seat: str = ""
    group: int = 0


class _RawEnvelope(Struct):
    id: str = ""
    seatbid: list[_RawSeatBid] = []
    bidid: str = ""
    cur: str = "USD"
    nbr: int = -1


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_raw = msgspec.json.Decoder(_RawEnvelope).decode
_decode_bid = msgspec.json.Decoder(DspBid).decode


def parse_answer(body: bytes) -> DspAnswer:
    """Raises BadAnswerError(cause) when nothing of it can be used."""
    if not body:
        raise BadAnswerError("empty")
    dropped: list[DroppedBid] = []
    try:
        try:
            envelope = _decode(body)
        except msgspec.ValidationError:
            envelope = _decode_one_by_one(body, dropped)
    except msgspec.ValidationError as error:
        raise BadAnswerError("wrong_type", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("not_json", str(error)) from error
    if not envelope.id:
        raise BadAnswerError("id_missing")
    bids = [
        bid
        for number, seatbid in enumerate(envelope.seatbid, 1)
        for bid in seatbid.bid
        if _usable(bid, seatbid.seat, number if seatbid.group == 1 else 0, dropped)
    ]
    dropped += [
        DroppedBid(bid.id, bid.impid, bid.seat, Loss.INVALID_BID, "too many bids")
        for bid in bids[BIDS_MAX:]
    ]
    return DspAnswer(
        envelope.id, envelope.bidid, envelope.cur, envelope.nbr, bids[:BIDS_MAX], dropped
    )


def _decode_one_by_one(body: bytes, dropped: list[DroppedBid]) -> _Envelope:
    raw = _decode_raw(body)
    seatbids: list[_SeatBid] = []
    for seatbid in raw.seatbid:
        bids: list[DspBid] = []
        for one in seatbid.bid:
            try:
                bids.append(_decode_bid(one))
            except (msgspec.ValidationError, UnicodeDecodeError) as error:
                dropped.append(DroppedBid("", "", seatbid.seat, Loss.INVALID_BID, str(error)))
        seatbids.append(_SeatBid(bids, seatbid.seat, seatbid.group))
    return _Envelope(raw.id, seatbids, raw.bidid, raw.cur, raw.nbr)


def _usable(bid: DspBid, seat: str, group: int, dropped: list[DroppedBid]) -> bool:
    """Fills what its seatbid and price say of a bid; one without id, imp or price is dropped."""
    bid.seat, bid.group = seat, group
    try:
        if not bid.id or not bid.impid:
            loss, detail = Loss.INVALID_BID, "no id" if not bid.id else "no impid"
        elif (price := bytes(bid.price)) == b"null":
            loss, detail = Loss.PRICE, "no price"
        else:
            bid.price_cpm_micros = price_of(price)
            return True
    except MoneyError as error:
        loss, detail = Loss.INVALID_BID, str(error)
    dropped.append(DroppedBid(bid.id, bid.impid, seat, loss, detail))
    return False
