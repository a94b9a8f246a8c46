"""Why a request is refused."""

from __future__ import annotations


class MalformedRequestError(ValueError):
    """A request that is refused with 400. `reason` is one of a fixed set of words (safe as a metric's label);
    `where` is the place in the request."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where
