"""By what identifier a request's person is known, here and in the audit's sealed parts."""

from __future__ import annotations

from bidder.openrtb.model import BidRequest

NO_IFA = "00000000-0000-0000-0000-000000000000"
"""What phones send as advertising id when their owner has said no."""


def identifier_of(request: BidRequest, exchange: str) -> str:
    """The steadiest id that the request has, marked by its kind; empty = none.

    An advertising id is the same everywhere; ids of an exchange's own are only unique with its slug.
    """
    device, user = request.device, request.user
    if device is not None and device.ifa and device.ifa != NO_IFA:
        return f"ifa:{device.ifa.lower()}"
    if user is not None and user.buyeruid:
        return f"buyer:{user.buyeruid}"
    if user is not None and user.id:
        return f"{exchange}:{user.id}"
    return ""


def address_of(request: BidRequest) -> str:
    """The IP address, marked as such; empty = none."""
    device = request.device
    if device is None:
        return ""
    address = device.ip or device.ipv6
    return f"ip:{address}" if address else ""
