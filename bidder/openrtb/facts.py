"""The facts of a request that fraud screening looks at (fraud knows nothing of OpenRTB)."""

from __future__ import annotations

from bidder.openrtb.model import BidRequest, Device
from fraud.screen.traffic import Traffic

_NO_DEVICE = Device()


def traffic_of(request: BidRequest, user: str) -> Traffic:
    """`user`: hex of the user's keyed hash; empty where there is none or consent is missing."""
    device = request.device or _NO_DEVICE
    geo = device.geo
    return Traffic(
        device.ip,
        device.ipv6,
        device.ua,
        device.os,
        request.domain,
        request.bundle,
        request.publisher,
        user,
        geo.lat if geo else None,
        geo.lon if geo else None,
        device.w or 0,
        device.h or 0,
        _schain_gap(request),
    )


def _schain_gap(request: BidRequest) -> bool:
    source = request.source
    if source is None or source.schain is None:
        return False
    return any(not node.asi or not node.sid for node in source.schain.nodes)
