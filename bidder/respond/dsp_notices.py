"""The DSPs' own notice URLs, macros replaced: which to call, for whom. Calling them is the notices' work."""

from __future__ import annotations

import msgspec

from bidder.auction.bid import AuctionResult, Winner
from bidder.auction.fx import FxTable
from bidder.openrtb.model import BidRequest
from bidder.respond.macros import loser_values, replace_in_url, winner_values

NOTICES_MAX = 100


class DspNotice(msgspec.Struct, frozen=True):
    dsp: str
    kind: str
    """win | billing | loss"""
    url: str


def loss_notices(
    request: BidRequest, result: AuctionResult, fx: FxTable, now_ms: int
) -> list[DspNotice]:
    """For every DSP bid that lost in our auction and wants to know; at most NOTICES_MAX."""
    notices: list[DspNotice] = []
    for auction in result.imps:
        for bid in auction.bids:
            if bid.raw is None or not bid.raw.lurl or not bid.loss:
                continue
            least = fx.cpm(auction.min_to_win_cpm_micros, result.currency, bid.currency) or 0
            values = loser_values(request, bid, least, now_ms)
            notices.append(DspNotice(bid.dsp, "loss", replace_in_url(bid.raw.lurl, values)))
    return notices[:NOTICES_MAX]


def win_notices(request: BidRequest, imp: int, winner: Winner, now_ms: int) -> list[DspNotice]:
    """Of one winner: `win` to be called when the exchange says that it won, `billing` when it says that it bills."""
    raw = winner.bid.raw
    if raw is None:
        return []
    values = winner_values(request, imp, winner, now_ms)
    return [
        DspNotice(winner.bid.dsp, kind, replace_in_url(url, values))
        for kind, url in (("win", raw.nurl), ("billing", raw.burl))
        if url
    ]
