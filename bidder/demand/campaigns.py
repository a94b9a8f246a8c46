"""Stage 5: own campaigns that bid for an imp, found by an index in memory."""

from __future__ import annotations

from collections.abc import Mapping

from bidder.auction.bid import Bid
from bidder.demand.context import BidContext
from bidder.openrtb.model import BidRequest


class OwnDemand:
    def match(
        self,
        request: BidRequest,
        imp: int,
        context: BidContext,
        participation: Mapping[int, float],
    ) -> list[Bid]:
        """Best prices first, at most `BIDS_PER_IMP_MAX`."""
        raise NotImplementedError

    def capped_campaigns(self, request: BidRequest, context: BidContext) -> list[tuple[int, int]]:
        """(campaign, window_s) of the caps that stage 3 must read for this request; bounded."""
        raise NotImplementedError
