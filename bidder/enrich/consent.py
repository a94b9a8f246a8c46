"""Whether a request's user may be recognised: without consent no look-up, and no ids to anyone.

The simple reading: COPPA, "limit ad tracking", GDPR without a consent string, and a US privacy opt-out forbid it.
Reading the purposes and vendors inside a consent string comes on top of this; it can only forbid more.
"""

from __future__ import annotations

from bidder.openrtb.model import BidRequest

US_PRIVACY_OPT_OUT = 2
"""Place of "opted out of sale" in the US privacy string, such as 1YYN (IAB CCPA framework 1.0)."""


def ids_allowed(request: BidRequest) -> bool:
    """OpenRTB 2.6: regs.coppa, regs.gdpr, regs.us_privacy, user.consent, device.lmt."""
    device, user, regs = request.device, request.user, request.regs
    if device is not None and device.lmt == 1:
        return False
    if regs is None:
        return True
    if regs.coppa == 1:
        return False
    if regs.gdpr == 1 and not (user is not None and user.consent):
        return False
    opt_out = regs.us_privacy[US_PRIVACY_OPT_OUT : US_PRIVACY_OPT_OUT + 1]
    return opt_out not in {"Y", "y"}
