"""Stage 8: the bid response as bytes (OpenRTB 2.6, sections 4.2.1 to 4.2.3).

In: the auction's result and the committed debits. Out: the body and its signature. On failure: none possible.
Time: 5-8 us per winner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from bidder.auction.bid import AuctionResult, Bid, ImpAuction, Winner
from bidder.openrtb.fit import FORMAT_OF_MTYPE
from bidder.openrtb.model import BidRequest
from bidder.respond.macros import replace, winner_values
from bidder.respond.notice_urls import notice_urls
from rtbplatform.kernel.keys import sign_answer
from rtbplatform.kernel.money import format_micros
from rtbplatform.kernel.snapshot import ExchangeView
from rtbplatform.kernel.stream import DebitLine

EXPIRY_S = {"banner": 60, "audio": 1800, "native": 600, "video": 1800}
APP_BANNER_EXPIRY_S = 300

_encode = msgspec.json.Encoder().encode


def build_answer(
    request: BidRequest,
    result: AuctionResult,
    debit_id: bytes,
    lines: Sequence[DebitLine],
    exchange: ExchangeView,
    base_url: str,
    now_ms: int,
    notice_key: bytes,
) -> bytes:
    """`lines` as committed by the banker (empty for test requests: no notice URLs then). `notice_key` is
    ``derive(secret, notice.NOTICE_PURPOSE)``."""
    seats: dict[tuple[str, str], dict[str, Any]] = {}
    for auction, winner in result.winners:
        bid = winner.bid
        exp_s = expiry_s(bid, request, auction.imp)
        urls = notice_urls(
            base_url,
            notice_key,
            request.id,
            exchange,
            auction,
            debit_id,
            lines,
            now_ms + exp_s * 1000,
            request.imp[auction.imp].multiplier,
        )
        answer = _bid(request, auction, winner, debit_id, exp_s, now_ms)
        if urls.win:
            answer["nurl"], answer["burl"], answer["lurl"] = urls.win, urls.billing, urls.loss
        seatbid = seats.setdefault((bid.seat, bid.group), {"bid": []})
        seatbid["bid"].append(answer)
        if bid.seat:
            seatbid["seat"] = bid.seat
        if bid.group:
            seatbid["group"] = 1
    return _encode(
        {
            "id": request.id,
            "bidid": debit_id.hex() or request.id,
            "cur": result.currency,
            "seatbid": list(seats.values()),
        }
    )


def _bid(
    request: BidRequest,
    auction: ImpAuction,
    winner: Winner,
    debit_id: bytes,
    exp_s: int,
    now_ms: int,
) -> dict[str, Any]:
    bid, creative = winner.bid, winner.bid.creative
    raw = bid.raw
    own_markup = creative.markup if creative is not None else ""
    markup = raw.adm if raw is not None else own_markup
    if "AUCTION_" in markup:
        markup = replace(markup, winner_values(request, auction.imp, winner, now_ms))
    answer: dict[str, Any] = {
        "id": f"{debit_id.hex() or request.id}-{auction.imp}",
        "impid": auction.imp_id,
        # Micros as they are: a number that a float never touched.
        "price": Raw(format_micros(winner.clearing_cpm_micros).encode()),
        "adm": markup,
        "crid": bid.crid,
        "cid": bid.cid,
        "adomain": bid.adomain,
        "mtype": bid.mtype,
        "exp": exp_s,
    }
    width = bid.w or (creative.width if creative else 0)
    height = bid.h or (creative.height if creative else 0)
    optional = {"cat": bid.cat, "attr": bid.attr, "w": width, "h": height, "dealid": bid.deal}
    answer.update((name, value) for name, value in optional.items() if value)
    if raw is not None:
        copied = ((name, getattr(raw, name)) for name in _COPIED)
        answer.update((name, value) for name, value in copied if value)
    return answer


_COPIED = ("adid", "bundle", "dur", "protocol", "apis", "language", "langb")

"""What the exchange may want to know of a DSP's creative and we have no part in."""


def expiry_s(bid: Bid, request: BidRequest, imp: int) -> int:
    """How long the exchange may hold the bid: the shorter of what imp and bid say, else by format."""
    said = [
        seconds
        for seconds in (request.imp[imp].exp, bid.raw.exp if bid.raw else 0)
        if seconds is not None and seconds > 0
    ]
    if said:
        return min(said)
    name = FORMAT_OF_MTYPE.get(bid.mtype, "banner")
    if name == "banner" and request.app is not None:
        return APP_BANNER_EXPIRY_S
    return EXPIRY_S[name]


def no_bid_answer(request_id: str, nbr: int) -> bytes:
    """For exchanges that want reasons."""
    return _encode({"id": request_id, "seatbid": [], "nbr": nbr})


def signature(signing_key: bytes, request_id: str, body: bytes) -> str:
    """Value of the answer's signature header."""
    return sign_answer(signing_key, request_id, body)
