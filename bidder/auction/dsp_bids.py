"""A DSP's answer as bids of the auction."""

from __future__ import annotations

from bidder.auction.bid import Bid
from bidder.market import Market
from bidder.openrtb.answer import DroppedBid, DspAnswer, DspBid
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.codes import Loss
from rtbplatform.kernel.snapshot import CampaignView, DspView

CID_DIGITS_MAX = 18


def bids_of(
    answer: DspAnswer, dsp: DspView, request: BidRequest, market: Market, latency_ms: float
) -> list[Bid]:
    """Campaigns and registered creatives looked up; whether a bid may win is decided in the auction. Bids that the
    decoder dropped come along with their loss, so that they are recorded."""
    places = {imp.id: index for index, imp in enumerate(request.imp)}
    unusable = 0 if answer.id == request.id else int(Loss.INVALID_AUCTION)
    bids = [_bid(one, answer, dsp, places, market, latency_ms, unusable) for one in answer.bids]
    bids += [_dropped(one, dsp, places, latency_ms) for one in answer.dropped]
    return bids


def _bid(
    one: DspBid,
    answer: DspAnswer,
    dsp: DspView,
    places: dict[str, int],
    market: Market,
    latency_ms: float,
    unusable: int,
) -> Bid:
    campaign = _campaign(one.cid, dsp, market)
    seat = one.seat or dsp.seat
    return Bid(
        bid_id=one.id,
        imp=places.get(one.impid, -1),
        price_cpm_micros=one.price_cpm_micros,
        currency=answer.cur,
        seat=seat,
        dsp=dsp.slug,
        campaign=campaign,
        creative=market.creative(campaign.id, one.crid) if campaign else None,
        crid=one.crid,
        cid=one.cid,
        adomain=one.adomain,
        cat=one.cat,
        attr=one.attr,
        w=one.w,
        h=one.h,
        mtype=one.mtype,
        deal=one.dealid,
        latency_ms=latency_ms,
        raw=one,
        bidid=answer.bidid,
        group=f"{dsp.slug}/{one.group}" if one.group else "",
        unusable=unusable,
    )


def _campaign(cid: str, dsp: DspView, market: Market) -> CampaignView | None:
    """A DSP may name its own campaigns only: another's would be paid by a stranger."""
    if not cid.isdecimal() or len(cid) > CID_DIGITS_MAX:
        return None
    campaign = market.campaigns.get(int(cid))
    return campaign if campaign is not None and campaign.dsp == dsp.id else None


def _dropped(one: DroppedBid, dsp: DspView, places: dict[str, int], latency_ms: float) -> Bid:
    return Bid(
        bid_id=one.bid_id,
        imp=places.get(one.imp_id, -1),
        price_cpm_micros=0,
        currency="",
        seat=one.seat or dsp.seat,
        dsp=dsp.slug,
        latency_ms=latency_ms,
        unusable=one.loss,
        detail=one.detail,
    )
