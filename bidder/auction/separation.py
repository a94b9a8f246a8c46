"""What the imps decided so far mean for the next: one advertiser per request, and money that is promised already."""

from __future__ import annotations

from collections.abc import Mapping

from bidder.auction.bid import Bid
from rtbplatform.kernel.codes import Loss


class Taken:
    """Advertisers (by id and by domain) and money of the winners so far."""

    __slots__ = ("_advertisers", "_domains", "_fundable", "_promised")

    def __init__(self, fundable: Mapping[int, int]) -> None:
        self._fundable = fundable
        self._promised: dict[int, int] = {}
        self._advertisers: dict[int, str] = {}
        self._domains: dict[str, str] = {}

    def loss(self, bid: Bid) -> int:
        """0 = nothing stands against it. Bids of one group are meant to run together, so they do not compete."""
        campaign = bid.campaign
        if not self._advertisers or campaign is None:
            return 0
        if self._conflicts(self._advertisers.get(campaign.advertiser), bid):
            return Loss.COMPETITIVE_SEPARATION
        if any(self._conflicts(self._domains.get(domain.lower()), bid) for domain in bid.adomain):
            return Loss.COMPETITIVE_SEPARATION
        left = self._fundable.get(campaign.id, 0) - self._promised.get(campaign.id, 0)
        return Loss.BUDGET_EXHAUSTED if left < bid.cost_max_micros else 0

    def add(self, bid: Bid) -> None:
        campaign = bid.campaign
        if campaign is None:
            return
        self._advertisers[campaign.advertiser] = bid.group
        for domain in bid.adomain:
            self._domains[domain.lower()] = bid.group
        promised = self._promised.get(campaign.id, 0)
        self._promised[campaign.id] = promised + bid.cost_max_micros

    @staticmethod
    def _conflicts(group: str | None, bid: Bid) -> bool:
        """`group`: that of the winner with the same advertiser; None = there is none."""
        return group is not None and (not group or group != bid.group)
