"""Stage 2: bytes of an exchange to a typed, valid bid request."""

from __future__ import annotations

from bidder.openrtb.model import BidRequest


class MalformedRequestError(ValueError):
    """A request that is refused with 400. `reason` is one of a fixed set of words (safe as a metric's label);
    `where` is the place in the request."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where


def parse(body: bytes) -> BidRequest:
    """Raises MalformedRequestError. `BidRequest.dropped` counts optional members left out as unusable."""
    raise NotImplementedError
