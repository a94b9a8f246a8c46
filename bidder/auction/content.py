"""Whether what a DSP's bid would show is allowed on the imp: markup, advertiser, categories, attributes, format, size."""

from __future__ import annotations

import re
from functools import lru_cache

from bidder.auction.bid import Bid
from bidder.auction.scene import Scene
from bidder.openrtb.answer import DspBid
from bidder.openrtb.fit import (
    FORMAT_OF_MTYPE,
    MTYPE_OF_FORMAT,
    apis_loss,
    blocked_attributes,
    size_fits,
    stream_loss,
)
from bidder.openrtb.imp import Imp
from bidder.openrtb.model import BidRequest
from bidder.openrtb.names import domain_and_parents, with_parents
from rtbplatform.kernel.codes import Loss

_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", re.IGNORECASE)
# What a page would load. Landing pages (href) and XML namespaces may say http.
_INSECURE = re.compile(
    r"""(?:src|srcset|poster|data)\s*=\s*\\?["']?\s*http:|url\(\s*["']?http:"""
    r"""|<(?:MediaFile|Impression|Tracking|VASTAdTagURI|StaticResource|IFrameResource)[^>]*>"""
    r"""\s*(?:<!\[CDATA\[)?\s*http:""",
    re.IGNORECASE,
)


def content_loss(bid: Bid, imp: Imp, scene: Scene) -> int:
    """0 = allowed, else the loss."""
    request, market = scene.request, scene.market
    raw = bid.raw
    assert raw is not None, "a usable DSP bid keeps what it was decoded from"
    if not bid.crid:
        return Loss.MISSING_CREATIVE_ID
    if not raw.adm:
        return Loss.MISSING_MARKUP
    if bid.creative is None and bid.campaign is not None and market.creatives.get(bid.campaign.id):
        bid.detail = "the campaign has registered creatives, and this is none of them"
        return Loss.CREATIVE_PENDING
    return (
        _advertiser_loss(bid, scene.blocked_domains)
        or _category_loss(bid, request)
        or _app_loss(raw, request)
        or _language_loss(raw, request)
        or _format_loss(bid, raw, request, imp)
        or _secure_loss(raw, imp)
    )


def _advertiser_loss(bid: Bid, blocked: frozenset[str]) -> int:
    for domain in bid.adomain:
        if not _is_domain(domain):
            return Loss.INVALID_DOMAIN
    if not blocked:
        return 0
    own = [bid.campaign.domain] if bid.campaign and bid.campaign.domain else []
    for domain in [*bid.adomain, *own]:
        if not blocked.isdisjoint(domain_and_parents(domain)):
            return Loss.ADVERTISER_EXCLUDED
    return 0


@lru_cache(maxsize=32_768)
def _is_domain(text: str) -> bool:
    return _DOMAIN.fullmatch(text) is not None


def _category_loss(bid: Bid, request: BidRequest) -> int:
    if not request.bcat and not request.acat:
        return 0
    registered = bid.campaign.categories if bid.campaign else []
    categories = with_parents([*bid.cat, *registered])
    if not categories.isdisjoint(request.bcat):
        return Loss.CATEGORY_EXCLUDED
    if request.acat and categories.isdisjoint(request.acat):
        return Loss.CATEGORY_EXCLUDED
    return 0


def _app_loss(raw: DspBid, request: BidRequest) -> int:
    return Loss.APP_EXCLUDED if raw.bundle and raw.bundle in request.bapp else 0


def _language_loss(raw: DspBid, request: BidRequest) -> int:
    for language, wanted in ((raw.language, request.wlang), (raw.langb, request.wlangb)):
        if language and wanted and language not in wanted:
            return Loss.LANGUAGE
    return 0


def _secure_loss(raw: DspBid, imp: Imp) -> int:
    insecure = imp.secure == 1 and "http:" in raw.adm and _INSECURE.search(raw.adm)
    return Loss.NOT_SECURE if insecure else 0


def _format_loss(bid: Bid, raw: DspBid, request: BidRequest, imp: Imp) -> int:
    name = FORMAT_OF_MTYPE.get(bid.mtype, "") or _guess(raw.adm, imp)
    if name not in imp.formats:
        return Loss.CREATIVE_FORMAT
    bid.mtype = MTYPE_OF_FORMAT[name]
    if not set(blocked_attributes(imp, name)).isdisjoint(bid.attr):
        return Loss.ATTRIBUTE_EXCLUDED
    apis = raw.apis or ([raw.api] if raw.api else [])
    if name == "banner" and imp.banner is not None:
        registered = bid.creative
        w, h = bid.w or (registered.width if registered else 0), bid.h
        h = h or (registered.height if registered else 0)
        if w and h and not size_fits(imp.banner, imp.instl, request.device, w, h):
            return Loss.CREATIVE_SIZE
        return apis_loss(imp.banner.api, apis)
    stream = imp.video if name == "video" else imp.audio
    if name == "native" or stream is None:
        return 0
    mimes = bid.creative.mimes if bid.creative else []
    protocols = [raw.protocol] if raw.protocol else []
    return stream_loss(stream, mimes, raw.dur, protocols, apis)


def _guess(adm: str, imp: Imp) -> str:
    """The format of a bid that does not say its mtype (2.5 has none): the imp's only one, else by the markup."""
    if len(imp.formats) == 1:
        return imp.formats[0]
    head = adm.lstrip()[:64].lower()
    if head.startswith(("<vast", "<?xml")):
        return "video" if imp.video is not None else "audio"
    return "native" if head.startswith("{") else "banner"
