"""Every check that a bid must pass before it is priced; each failure is a loss code (OpenRTB 2.6, sections 3 and 4).

Own bids come from an index that has matched them already: only their money is checked here.
"""

from __future__ import annotations

from bidder.auction.bid import Bid
from bidder.auction.content import content_loss
from bidder.auction.scene import Scene
from bidder.demand.standing import standing
from bidder.openrtb.imp import Deal, Imp
from bidder.openrtb.model import BidRequest
from bidder.openrtb.names import domain_and_parents
from rtbplatform.kernel.codes import Loss
from rtbplatform.kernel.money import cost_micros

WANTED_MAX = 64


def check(bid: Bid, scene: Scene) -> int:
    """0 = the bid is in, its `rank_cpm_micros` and `cost_max_micros` filled; else its loss."""
    if bid.unusable:
        return bid.unusable
    bid.detail = ""
    if bid.imp < 0:
        bid.detail = "impid is not in the request"
        return Loss.INVALID_BID
    imp = scene.request.imp[bid.imp]
    if bid.dsp:
        loss = _campaign_loss(bid, scene) or _seat_loss(bid, scene.request, imp)
        loss = loss or _price_loss(bid, scene) or content_loss(bid, imp, scene)
        if loss:
            return loss
    ranked: int | None = bid.price_cpm_micros
    if bid.currency != scene.currency:
        ranked = scene.market.fx.cpm(bid.price_cpm_micros, bid.currency, scene.currency)
    if ranked is None:
        bid.detail = f"no rate from {bid.currency} to {scene.currency}"
        return Loss.PRICE
    bid.rank_cpm_micros = ranked
    return _floor_loss(bid, imp, scene) or _funds_loss(bid, imp, scene)


def floor_of(bid: Bid, imp: Imp) -> tuple[int, str]:
    """The floor that holds for a bid and its currency: its deal's, else the imp's."""
    deal = imp.deals.get(bid.deal) if bid.deal else None
    if deal is not None:
        return deal.floor_cpm_micros, deal.bidfloorcur
    return imp.floor_cpm_micros, imp.bidfloorcur


def _campaign_loss(bid: Bid, scene: Scene) -> int:
    campaign = bid.campaign
    if campaign is None:
        bid.detail = f"cid {bid.cid[:40]!r}"
        return Loss.UNKNOWN_CAMPAIGN
    market, context = scene.market, scene.context
    seed = market.own.seed(scene.request, context)
    return standing(campaign, context, seed, market.participation)


def _seat_loss(bid: Bid, request: BidRequest, imp: Imp) -> int:
    """Who may buy here: seats, deals and those invited to them."""
    if request.wseat and bid.seat not in request.wseat:
        return Loss.SEAT_BLOCKED
    if bid.seat in request.bseat:
        return Loss.SEAT_BLOCKED
    if bid.deal:
        deal = imp.deals.get(bid.deal)
        return Loss.INVALID_DEAL if deal is None else _deal_loss(bid, deal)
    if imp.pmp is not None and imp.pmp.private_auction == 1:
        bid.detail = "a private auction takes bids on deals only"
        return Loss.INVALID_DEAL
    return 0


def _deal_loss(bid: Bid, deal: Deal) -> int:
    if deal.wseat and bid.seat not in deal.wseat:
        return Loss.NOT_ALLOWED_IN_DEAL
    if deal.wadomain:
        invited = {domain.lower() for domain in deal.wadomain}
        if not any(invited.intersection(domain_and_parents(one)) for one in bid.adomain):
            return Loss.NOT_ALLOWED_IN_DEAL
    return 0


def _price_loss(bid: Bid, scene: Scene) -> int:
    if bid.price_cpm_micros <= 0 and not bid.deal:
        bid.detail = "a price of 0 needs a deal"
        return Loss.INVALID_BID
    campaign = bid.campaign
    if campaign is not None and campaign.bid_cpm_micros:
        price = scene.market.fx.cpm(bid.price_cpm_micros, bid.currency, campaign.currency)
        if price is not None and price > campaign.bid_cpm_micros:
            return Loss.ABOVE_CAMPAIGN_MAX
    return 0


def _floor_loss(bid: Bid, imp: Imp, scene: Scene) -> int:
    """Compared in the floor's currency, so that a bid just at a floor in its own currency is never lost to rounding."""
    floor, currency = floor_of(bid, imp)
    if bid.currency == currency == scene.currency:
        if bid.price_cpm_micros >= floor:
            return 0
        return Loss.BELOW_DEAL_FLOOR if bid.deal else Loss.BELOW_FLOOR
    if not floor:
        return 0
    price = scene.market.fx.cpm(bid.price_cpm_micros, bid.currency, currency)
    if price is None or scene.market.fx.floor(floor, currency, scene.currency) is None:
        bid.detail = f"no rate from {bid.currency} to {currency}"
        return Loss.PRICE
    if price >= floor:
        return 0
    return Loss.BELOW_DEAL_FLOOR if bid.deal else Loss.BELOW_FLOOR


def _funds_loss(bid: Bid, imp: Imp, scene: Scene) -> int:
    campaign = bid.campaign
    if campaign is None:
        return Loss.UNKNOWN_CAMPAIGN
    rate = None
    if bid.currency != campaign.currency:
        rate = scene.market.fx.rate(bid.currency, campaign.currency)
        if rate is None:
            bid.detail = f"no rate from {bid.currency} to {campaign.currency}"
            return Loss.PRICE
    if bid.dsp:
        bid.cost_max_micros = cost_micros(bid.price_cpm_micros, imp.multiplier, rate)
    if campaign.id in scene.excluded_campaigns:
        return Loss.BUDGET_EXHAUSTED
    context = scene.context
    if context.fundable.get(campaign.id, 0) < bid.cost_max_micros:
        if len(context.wanted) < WANTED_MAX:
            context.wanted[campaign.id] = (campaign.advertiser, bid.cost_max_micros)
        return Loss.BUDGET_EXHAUSTED
    return 0
