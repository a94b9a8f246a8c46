"""A DSP's answer as bids of the auction."""

from __future__ import annotations

from bidder.auction.bid import Bid
from bidder.market import Market
from bidder.openrtb.answer import DspAnswer
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.snapshot import DspView


def bids_of(
    answer: DspAnswer, dsp: DspView, request: BidRequest, market: Market, latency_ms: float
) -> list[Bid]:
    """Campaigns and registered creatives looked up; whether a bid may win is decided in the auction. Bids that the
    decoder dropped come along with their loss, so that they are recorded."""
    raise NotImplementedError
