"""The facts of a request that fraud screening looks at (fraud knows nothing of OpenRTB)."""

from __future__ import annotations

from bidder.openrtb.model import BidRequest
from fraud.screen.traffic import Traffic


def traffic_of(request: BidRequest, user: str) -> Traffic:
    """`user`: hex of the user's keyed hash; empty where there is none or consent is missing."""
    raise NotImplementedError
