"""What all checks and prices of one request's auction look at."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from bidder.demand.context import BidContext
from bidder.market import Market
from bidder.openrtb.model import BidRequest


class Scene(msgspec.Struct):
    request: BidRequest
    market: Market
    context: BidContext
    currency: str
    """The answer's."""
    increment_cpm_micros: int
    tie_key: bytes
    excluded_campaigns: Collection[int]
    blocked_domains: frozenset[str]
    """badv, lower-case."""
