"""What the observer saw, added up per campaign-day."""

from __future__ import annotations

from collections import Counter

import msgspec

DayKey = tuple[int, int]
"""(campaign, day)"""
CLOCK_SLACK_MS = 1000


class Sale(msgspec.Struct, kw_only=True):
    """One imp sold, as the answer said."""

    request_id: str
    imp: str
    exchange: str
    on_notice: bool
    """Whether it counts only once its billing notice is acknowledged."""
    campaign: int
    day: int
    """As the signed notice URL says."""
    lease: bytes
    cost_micros: int
    sent_ms: int
    answered_ms: int
    billed_micros: int = 0
    """By a notice acknowledged with 200 within the horizon."""
    late_micros: int = 0
    """By one that was acknowledged later."""

    @property
    def seen_micros(self) -> int:
        return self.billed_micros if self.on_notice else self.cost_micros


class Seen(msgspec.Struct):
    """All of a run."""

    day_ms: int
    sales: list[Sale] = []
    lost: set[str] = set()
    """Requests that never got a whole answer."""
    statuses: Counter[int] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    """Why there were no bids, as answers without one say."""
    badly_signed: int = 0

    def add(self, sale: Sale) -> None:
        self.sales.append(sale)

    def add_statuses(self, statuses: dict[int, int]) -> None:
        self.statuses.update(statuses)

    def by_day(self) -> Counter[DayKey]:
        """Micros seen (E1)."""
        sums: Counter[DayKey] = Counter()
        for sale in list(self.sales):
            sums[sale.campaign, sale.day] += sale.seen_micros
        return sums

    def late_by_day(self) -> Counter[DayKey]:
        """Micros of notices that were acknowledged after their horizon."""
        sums: Counter[DayKey] = Counter()
        for sale in list(self.sales):
            sums[sale.campaign, sale.day] += sale.late_micros
        return sums

    def of_wrong_day(self) -> list[Sale]:
        """Sales whose day was not running at any moment between request and answer."""
        return [
            sale
            for sale in self.sales
            if not sale.day * self.day_ms - CLOCK_SLACK_MS
            <= sale.answered_ms
            <= (sale.day + 1) * self.day_ms + CLOCK_SLACK_MS + sale.answered_ms - sale.sent_ms
        ]
