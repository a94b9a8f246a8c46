"""Stage 6: the auction of all imps of a request."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bidder.auction.bid import AuctionResult, Bid
from bidder.demand.context import BidContext
from bidder.market import Market
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.snapshot import ExchangeView


def run_auction(
    request: BidRequest,
    exchange: ExchangeView,
    market: Market,
    context: BidContext,
    bids: Sequence[Bid],
    tie_key: bytes,
    excluded_campaigns: Collection[int] = (),
) -> AuctionResult:
    """Own and DSP bids of all imps in one flat list. May be run again with the same bids: it resets their loss."""
    raise NotImplementedError
