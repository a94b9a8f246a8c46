"""What makes a request malformed beyond its JSON types, and the members derived on the way.

Source: OpenRTB 2.6, sections 3.2.1 to 3.2.32; what is "required" there, and what contradicts itself.
"""

from __future__ import annotations

from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.imp import Audio, Banner, Deal, Imp, Pmp, Video
from bidder.openrtb.model import BidRequest, Regs
from bidder.openrtb.native import check_native
from bidder.openrtb.numbers import floor_of, multiplier_of
from rtbplatform.kernel.money import MoneyError

REQUEST_ID_CHARS_MAX = 512
"""The signed URLs of notices carry the id, and servers refuse long URLs; the ids of real exchanges have below 100."""
IMPS_MAX = 100
"""Each imp is matched, priced and recorded by itself, so its number bounds a request's time. Real requests have one
to some ten, a page's worth of placements."""


def validate(request: BidRequest) -> None:
    """Fills the derived members. Raises MalformedRequestError."""
    _check_amounts(request)
    if request.tmax < 0:
        raise MalformedRequestError("negative_number", "tmax")
    if request.wseat and request.bseat:
        raise MalformedRequestError("wseat_and_bseat")
    if request.acat and request.bcat:
        raise MalformedRequestError("acat_and_bcat")
    _check_channel(request)
    _check_device(request)
    _fold_old_places(request)
    seen: set[str] = set()
    for index, imp in enumerate(request.imp):
        _check_imp(imp, index)
        if imp.id in seen:
            raise MalformedRequestError("imp_id_duplicate", f"imp[{index}]")
        seen.add(imp.id)


def _check_amounts(request: BidRequest) -> None:
    if not request.id:
        raise MalformedRequestError("id_missing")
    if len(request.id) > REQUEST_ID_CHARS_MAX:
        sentence = f"a request's id has at most {REQUEST_ID_CHARS_MAX} characters"
        raise MalformedRequestError("id_too_long", "id", sentence)
    if not request.imp:
        raise MalformedRequestError("no_imp")
    if len(request.imp) > IMPS_MAX:
        sentence = f"a request has at most {IMPS_MAX} imps, this one {len(request.imp)}"
        raise MalformedRequestError("too_many_imps", "imp", sentence)


def _check_channel(request: BidRequest) -> None:
    site = request.site
    channels = (site is not None) + (request.app is not None) + (request.dooh is not None)
    if channels != 1:
        raise MalformedRequestError("channel_missing" if not channels else "channel_ambiguous")
    if site is not None and not site.id and not site.page:
        raise MalformedRequestError("site_without_id_and_page", "site")


def _check_device(request: BidRequest) -> None:
    device = request.device
    if device is not None and ((device.w or 0) < 0 or (device.h or 0) < 0):
        raise MalformedRequestError("negative_number", "device")


def _fold_old_places(request: BidRequest) -> None:
    """OpenRTB 2.5 kept these in ext; 2.6's place wins where both are there."""
    if request.regs is not None:
        _fold_regs(request.regs)
    user, source = request.user, request.source
    if user is not None and not user.consent and user.ext is not None:
        user.consent = user.ext.consent
    if source is not None and source.schain is None and source.ext is not None:
        source.schain = source.ext.schain


def _fold_regs(regs: Regs) -> None:
    ext = regs.ext
    if ext is not None:
        regs.gdpr = ext.gdpr if regs.gdpr is None else regs.gdpr
        regs.us_privacy = regs.us_privacy or ext.us_privacy
        regs.gpp = regs.gpp or ext.gpp
        regs.gpp_sid = regs.gpp_sid or ext.gpp_sid
    if regs.gdpr not in {None, 0, 1}:
        raise MalformedRequestError("gdpr_not_0_or_1", "regs.gdpr")


def _check_imp(imp: Imp, index: int) -> None:
    where = f"imp[{index}]"
    if not imp.id:
        raise MalformedRequestError("imp_id_missing", where)
    formats: list[str] = []
    if imp.banner is not None:
        _check_banner(imp.banner, imp.instl, where)
        formats.append("banner")
    if imp.video is not None:
        _check_stream(imp.video, where + ".video")
        _check_numbers(where + ".video", imp.video.w, imp.video.h)
        formats.append("video")
    if imp.audio is not None:
        _check_stream(imp.audio, where + ".audio")
        formats.append("audio")
    if imp.native is not None:
        check_native(imp.native, where + ".native")
        formats.append("native")
    if not formats:
        raise MalformedRequestError("imp_without_format", where)
    imp.formats = formats
    _read_money(imp, where)


def _check_numbers(where: str, *numbers: int | None) -> None:
    for number in numbers:
        if number is not None and number < 0:
            raise MalformedRequestError("negative_number", where)


def _check_banner(banner: Banner, instl: int, where: str) -> None:
    w, h = banner.w, banner.h
    if w is not None or h is not None:
        _check_numbers(where + ".banner", w, h)
    sizes = [(w, h)] if w and h else []
    for index, size in enumerate(banner.format):
        w, h = size.w, size.h
        flexible = size.wmin, size.wratio, size.hratio
        if flexible == (None, None, None):
            if w and h and w > 0 and h > 0:
                sizes.append((w, h))
                continue
        elif w is None and h is None and all(flexible):
            _check_numbers(f"{where}.banner.format[{index}]", *flexible)
            continue
        _check_numbers(f"{where}.banner.format[{index}]", w, h, *flexible)
        raise MalformedRequestError("format_size", f"{where}.banner.format[{index}]")
    if not sizes and not banner.format and instl != 1:
        raise MalformedRequestError("banner_without_size", where + ".banner")
    banner.sizes = sizes


def _check_stream(stream: Video | Audio, where: str) -> None:
    # startdelay is not looked at: its negative values mean mid-roll and post-roll.
    if not stream.mimes:
        raise MalformedRequestError("mimes_missing", where)
    _check_numbers(
        where,
        stream.minduration,
        stream.maxduration,
        stream.minbitrate,
        stream.maxbitrate,
        stream.poddur,
    )


def _read_money(imp: Imp, where: str) -> None:
    try:
        imp.floor_cpm_micros = floor_of(bytes(imp.bidfloor))
        imp.multiplier = multiplier_of(bytes(imp.qty.multiplier)) if imp.qty else None
        imp.deals = _read_deals(imp.pmp, where) if imp.pmp is not None else {}
    except MoneyError as error:
        raise MalformedRequestError("unusable_price", where) from error


def _read_deals(pmp: Pmp, where: str) -> dict[str, Deal]:
    for index, deal in enumerate(pmp.deals):
        if not deal.id:
            raise MalformedRequestError("deal_id_missing", f"{where}.pmp.deals[{index}]")
        deal.floor_cpm_micros = floor_of(bytes(deal.bidfloor))
    return {deal.id: deal for deal in pmp.deals}
