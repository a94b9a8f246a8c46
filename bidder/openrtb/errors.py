"""Why a request is refused."""

from __future__ import annotations


class MalformedRequestError(ValueError):
    """A request that is refused with 400. `reason` is one of a fixed set of words (safe as a metric's label);
    `where` is the place in the request, `sentence` says more where the word is not enough."""

    def __init__(self, reason: str, where: str = "", sentence: str = "") -> None:
        super().__init__(": ".join(filter(None, (where, reason, sentence))))
        self.reason = reason
        self.where = where
