"""Whether a creative fits an imp: size, duration, mime types, protocols, APIs (sections 3.2.6 to 3.2.8, 3.2.10)."""

from __future__ import annotations

from collections.abc import Sequence

from bidder.openrtb.imp import Audio, Banner, Imp, Video
from bidder.openrtb.model import Device
from rtbplatform.kernel.codes import Loss

FORMAT_OF_MTYPE = {1: "banner", 2: "video", 3: "audio", 4: "native"}
MTYPE_OF_FORMAT = {name: mtype for mtype, name in FORMAT_OF_MTYPE.items()}


def size_fits(banner: Banner, instl: int, device: Device | None, w: int, h: int) -> bool:
    """Fixed sizes exactly; flexible ones by ratio and least width; a full screen takes what is no larger than it."""
    if (w, h) in banner.sizes:
        return True
    for size in banner.format:
        ratio_w, ratio_h = size.wratio, size.hratio
        if ratio_w and ratio_h and w * ratio_h == h * ratio_w and w >= (size.wmin or 0):
            return True
    if instl != 1 or (banner.sizes and not banner.wmin):
        return False
    largest_w = banner.wmax or (device.w if device else None) or w
    largest_h = banner.hmax or (device.h if device else None) or h
    return (banner.wmin or 0) <= w <= largest_w and (banner.hmin or 0) <= h <= largest_h


def takes_other_sizes(imp: Imp, banner: Banner) -> bool:
    """Whether sizes besides the fixed ones may fit."""
    return imp.instl == 1 or any(size.wratio for size in banner.format)


def stream_loss(
    stream: Video | Audio,
    mimes: Sequence[str],
    duration_s: int,
    protocols: Sequence[int],
    apis: Sequence[int],
) -> int:
    """Loss of a video or audio creative, 0 = it fits. What the creative does not say is not held against it."""
    if mimes and not any(mime in stream.mimes for mime in mimes):
        return Loss.CREATIVE_FORMAT
    if duration_s and not _duration_fits(stream, duration_s):
        return Loss.CREATIVE_GENERAL
    if protocols and stream.protocols and not any(one in stream.protocols for one in protocols):
        return Loss.CREATIVE_FORMAT
    return apis_loss(stream.api, apis)


def apis_loss(offered: Sequence[int], needed: Sequence[int]) -> int:
    """A creative's APIs must be among those the placement supports, where it says which."""
    if needed and offered and not any(api in offered for api in needed):
        return Loss.CREATIVE_FORMAT
    return 0


def _duration_fits(stream: Video | Audio, duration_s: int) -> bool:
    if stream.rqddurs:
        return duration_s in stream.rqddurs
    return stream.minduration <= duration_s <= (stream.maxduration or duration_s)


def blocked_attributes(imp: Imp, name: str) -> Sequence[int]:
    """battr of the imp's placement of a format."""
    if name == "banner" and imp.banner:
        return imp.banner.battr
    if name == "video" and imp.video:
        return imp.video.battr
    if name == "audio" and imp.audio:
        return imp.audio.battr
    return imp.native.battr if name == "native" and imp.native else ()
