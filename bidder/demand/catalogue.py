"""All own creatives in order of price, and the bitmaps that a request and its imps select."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bidder.auction.bid import Bid
from bidder.auction.fx import FxTable
from bidder.demand.index import DayParts, Dimension, PriceOrder, Trait
from bidder.openrtb.fit import MTYPE_OF_FORMAT, takes_other_sizes
from bidder.openrtb.imp import Imp
from bidder.openrtb.model import BidRequest
from bidder.openrtb.names import category_and_parent, domain_and_parents, lowered, with_parents
from rtbplatform.kernel.money import cost_micros
from rtbplatform.kernel.snapshot import CampaignView, CreativeView


class Entry(msgspec.Struct, frozen=True, eq=False):
    """One creative of one own campaign. `prototype` is its bid for the first imp: copying it costs a tenth of building
    one."""

    campaign: CampaignView
    creative: CreativeView
    prototype: Bid
    plain: bool
    """A banner that fits wherever its size does."""


class Catalogue:
    def __init__(
        self,
        campaigns: Iterable[CampaignView],
        creatives: Mapping[int, Sequence[CreativeView]],
        fx: FxTable,
    ) -> None:
        priced = [
            (fx.cpm(campaign.bid_cpm_micros, campaign.currency, "USD") or 0, _entry(campaign, one))
            for campaign in campaigns
            if campaign.dsp == 0 and campaign.active
            for one in creatives.get(campaign.id, ())
            if not campaign.targeting.formats or one.format in campaign.targeting.formats
        ]
        priced.sort(key=lambda pair: (-pair[0], pair[1].campaign.id, pair[1].creative.id))
        self.entries = [entry for _, entry in priced]
        self.order = PriceOrder([price for price, _ in priced])
        self._dimensions = {name: Dimension() for name in _DIMENSIONS}
        self._traits = {name: Trait() for name in ("domain", "category", "attribute", "size")}
        self._traits["seat"] = Trait()
        self._day_parts = DayParts()
        self._formats = dict.fromkeys(("banner", "video", "audio", "native"), 0)
        self._secure = self.capped = 0
        for place, entry in enumerate(self.entries):
            self._add(1 << place, entry)

    def _add(self, bit: int, entry: Entry) -> None:
        campaign, creative = entry.campaign, entry.creative
        for name, (wanted, excluded) in _DIMENSIONS.items():
            targeting = campaign.targeting
            self._dimensions[name].add(
                bit, getattr(targeting, wanted), getattr(targeting, excluded) if excluded else ()
            )
        self._day_parts.add(bit, campaign.time_zone, campaign.targeting.hours)
        traits = self._traits
        domains = [name for one in _domains(entry) for name in domain_and_parents(one)]
        traits["domain"].add(bit, domains)
        traits["category"].add(bit, with_parents(entry.prototype.cat))
        traits["attribute"].add(bit, creative.attributes)
        traits["seat"].add(bit, [entry.prototype.seat])
        if creative.format == "banner":
            traits["size"].add(bit, [(creative.width, creative.height)])
        self._formats[creative.format] = self._formats.get(creative.format, 0) | bit
        self._secure |= bit if creative.secure else 0
        self.capped |= bit if campaign.caps else 0

    def of_request(self, request: BidRequest, exchange: int, now_ms: int) -> int:
        """Who may serve the request at this time, whatever the imp and the user's segments."""
        dimensions = self._dimensions
        device = request.device
        bitmap = self._day_parts.at(now_ms) & dimensions["exchange"].one(exchange)
        bitmap &= dimensions["country"].one(request.country)
        bitmap &= dimensions["device"].one(device.devicetype if device else 0)
        bitmap &= dimensions["os"].one(device.os.lower() if device else "")
        bitmap &= dimensions["publisher"].one(request.publisher)
        bitmap &= dimensions["bundle"].one(request.bundle)
        bitmap &= dimensions["domain"].any_of(domain_and_parents(request.domain))
        categories = [name for one in request.categories for name in category_and_parent(one)]
        bitmap &= dimensions["category"].any_of(categories)
        return bitmap & self._not_blocked(request) if bitmap else 0

    def _not_blocked(self, request: BidRequest) -> int:
        traits = self._traits
        blocked = traits["category"].having(request.bcat) if request.bcat else 0
        if request.badv:
            blocked |= traits["domain"].having(lowered(request.badv))
        if request.bseat:
            blocked |= traits["seat"].having(request.bseat)
        allowed = ~blocked
        if request.wseat:
            allowed &= traits["seat"].having(request.wseat)
        if request.acat:
            allowed &= traits["category"].having(request.acat)
        return allowed

    def of_segments(self, segments: Sequence[str]) -> int:
        return self._dimensions["segment"].any_of(segments)

    def of_imp(self, imp: Imp) -> int:
        """Who has a format and, where it is fixed, a size that the imp takes."""
        bitmap, attributes = 0, self._traits["attribute"]
        banner = imp.banner
        if banner is not None:
            # Flexible and full-screen sizes are compared one by one, later.
            flexible = takes_other_sizes(imp, banner)
            fitting = (
                self._formats["banner"] if flexible else self._traits["size"].having(banner.sizes)
            )
            bitmap |= fitting & ~attributes.having(banner.battr)
        if imp.video is not None:
            bitmap |= self._formats["video"] & ~attributes.having(imp.video.battr)
        if imp.audio is not None:
            bitmap |= self._formats["audio"] & ~attributes.having(imp.audio.battr)
        if imp.native is not None:
            bitmap |= self._formats["native"] & ~attributes.having(imp.native.battr)
        return bitmap & self._secure if imp.secure == 1 else bitmap


_DIMENSIONS = {
    "exchange": ("exchanges", ""),
    "country": ("countries", "not_countries"),
    "device": ("device_types", ""),
    "os": ("os", ""),
    "publisher": ("publishers", "not_publishers"),
    "bundle": ("bundles", "not_bundles"),
    "domain": ("domains", "not_domains"),
    "category": ("categories", "not_categories"),
    "segment": ("segments", ""),
}
"""Dimension -> members of TargetingView: wanted, excluded."""


def _entry(campaign: CampaignView, creative: CreativeView) -> Entry:
    prototype = Bid(
        bid_id=f"{campaign.id}-{creative.id}",
        imp=0,
        price_cpm_micros=campaign.bid_cpm_micros,
        currency=campaign.currency,
        seat=str(campaign.advertiser),
        campaign=campaign,
        creative=creative,
        crid=creative.crid,
        cid=str(campaign.id),
        adomain=creative.adomain,
        cat=sorted({*campaign.categories, *creative.categories}),
        attr=creative.attributes,
        w=creative.width,
        h=creative.height,
        mtype=MTYPE_OF_FORMAT.get(creative.format, 1),
        cost_max_micros=cost_micros(campaign.bid_cpm_micros),
    )
    plain = creative.format == "banner" and not (
        creative.mimes or creative.apis or creative.language
    )
    return Entry(campaign, creative, prototype, plain)


def _domains(entry: Entry) -> set[str]:
    domains = {*entry.creative.adomain, entry.campaign.domain}
    return {domain for domain in domains if domain}
