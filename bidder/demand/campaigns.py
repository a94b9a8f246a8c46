"""Stage 5: own campaigns that bid for an imp, found by an index in memory.

In: a request, one of its imps, what stage 3 found out. Out: bids, the best prices first. On failure: none possible.
Time: 3-10 us with hundreds of campaigns, and it grows with matches, not with campaigns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy

from bidder.auction.bid import Bid
from bidder.auction.fx import FxTable
from bidder.demand.catalogue import Catalogue
from bidder.demand.context import BidContext
from bidder.demand.standing import request_seed, standing
from bidder.openrtb.fit import apis_loss, size_fits, stream_loss, takes_other_sizes
from bidder.openrtb.imp import Imp
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.money import cost_micros
from rtbplatform.kernel.snapshot import CampaignView, CreativeView

BIDS_PER_IMP_MAX = 8
BIDS_PER_ADVERTISER_MAX = 3
"""An advertiser's bids never raise each other's price: some are enough, should the best turn out unfundable."""
WANTED_MAX = 64
CAPPED_MAX = 32
"""Campaigns whose counters are read per request."""


class OwnDemand:
    def __init__(
        self,
        campaigns: Iterable[CampaignView],
        creatives: Mapping[int, Sequence[CreativeView]],
        fx: FxTable,
        pacing_key: bytes,
    ) -> None:
        self._catalogue = Catalogue(campaigns, creatives, fx)
        self._pacing_key = pacing_key

    def match(
        self,
        request: BidRequest,
        imp: int,
        context: BidContext,
        participation: Mapping[int, float],
    ) -> list[Bid]:
        """Best prices first, at most BIDS_PER_IMP_MAX. Matching campaigns that cannot pay go to `context.wanted`."""
        offered = request.imp[imp]
        if offered.pmp is not None and offered.pmp.private_auction == 1:
            return []  # ours are open-auction bids
        catalogue = self._catalogue
        bitmap = self._eligible(request, context) & catalogue.of_imp(offered)
        bitmap &= catalogue.of_segments(context.segments)
        if not bitmap:
            return []
        seed = self.seed(request, context)
        bids: list[Bid] = []
        decided: set[int] = set()
        per_advertiser: dict[int, int] = {}
        banner, entries, fundable = offered.banner, catalogue.entries, context.fundable
        exact = banner is not None and not takes_other_sizes(offered, banner)
        for place in catalogue.order.walk(bitmap, seed):
            entry = entries[place]
            campaign = entry.campaign
            already = per_advertiser.get(campaign.advertiser, 0)
            if campaign.id in decided or already >= BIDS_PER_ADVERTISER_MAX:
                continue
            if not (exact and entry.plain) and not _fits(entry.creative, offered, request):
                continue  # another creative of the campaign may
            decided.add(campaign.id)
            if standing(campaign, context, seed, participation):
                continue
            cost = entry.prototype.cost_max_micros
            if offered.multiplier is not None:
                cost = cost_micros(campaign.bid_cpm_micros, offered.multiplier)
            if fundable.get(campaign.id, 0) < cost:
                if len(context.wanted) < WANTED_MAX:
                    context.wanted[campaign.id] = (campaign.advertiser, cost)
                continue
            bid = copy(entry.prototype)
            bid.imp = imp
            bid.cost_max_micros = cost
            bids.append(bid)
            if len(bids) == BIDS_PER_IMP_MAX:
                break
            per_advertiser[campaign.advertiser] = already + 1
        return bids

    def capped_campaigns(self, request: BidRequest, context: BidContext) -> list[tuple[int, int]]:
        """(campaign, window_s) of the caps that stage 3 must read for this request; of CAPPED_MAX campaigns at most,
        those with the highest prices."""
        catalogue = self._catalogue
        bitmap = catalogue.capped and self._eligible(request, context) & catalogue.capped
        if not bitmap:
            return []
        offered = 0
        for imp in request.imp:
            offered |= catalogue.of_imp(imp)
        found: dict[int, CampaignView] = {}
        for place in catalogue.order.walk(bitmap & offered, 0):
            campaign = catalogue.entries[place].campaign
            found[campaign.id] = campaign
            if len(found) == CAPPED_MAX:
                break
        return [(campaign.id, cap.window_s) for campaign in found.values() for cap in campaign.caps]

    def seed(self, request: BidRequest, context: BidContext) -> int:
        """The request's 64 bits for pacing and rotation, computed once."""
        if context.seed < 0:
            context.seed = request_seed(self._pacing_key, request.id)
        return context.seed

    def _eligible(self, request: BidRequest, context: BidContext) -> int:
        if context.eligible < 0:
            context.eligible = self._catalogue.of_request(request, context.exchange, context.now_ms)
        return context.eligible


def _fits(creative: CreativeView, imp: Imp, request: BidRequest) -> bool:
    if creative.language and request.wlang and creative.language not in request.wlang:
        return False
    if creative.format == "banner" and imp.banner is not None:
        banner = imp.banner
        mimes = creative.mimes
        if mimes and banner.mimes and not any(mime in banner.mimes for mime in mimes):
            return False
        if apis_loss(banner.api, creative.apis):
            return False
        return size_fits(banner, imp.instl, request.device, creative.width, creative.height)
    stream = imp.video if creative.format == "video" else imp.audio
    if creative.format == "native" or stream is None:
        return creative.format == "native"
    return not stream_loss(
        stream, creative.mimes, creative.duration_s, creative.protocols, creative.apis
    )
