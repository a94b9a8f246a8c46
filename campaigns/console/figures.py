"""Today's money of campaigns, as far as these pages show it. Who keeps the money tells it: campaigns only asks.

`billing` registers its source when Django starts, so that nothing here depends on billing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from campaigns.models import Campaign


@dataclass(frozen=True, kw_only=True)
class TodayFigures:
    """One campaign's current budget day. Micros of the campaign's currency; times are Unix ms."""

    campaign: int
    day: int
    label: str
    """The day as people write it."""
    starts_ms: int
    ends_ms: int
    now_ms: int
    asked_micros: int
    """The daily budget that was asked for."""
    budget_micros: int
    """The daily budget in force: above `asked_micros` while more than that is out."""
    spent_micros: int
    out_micros: int
    """Moved to bankers or held, and not yet settled."""
    held_micros: int = 0
    """Of that: answered, and waiting for the exchange's bill."""
    floor_micros: int
    """Below this the budget in force cannot fall at once: what is spent, out, quarantined or written off."""
    due_part: float
    """The part of the budget that pacing would have spent by now, 0 to 1: it follows the day's traffic."""
    traffic_part: float
    """How much of the day's expected traffic is over, 0 to 1."""

    @property
    def ideal_micros(self) -> int:
        """What pacing would have spent by now."""
        return int(self.budget_micros * self.due_part)

    @property
    def behind_micros(self) -> int:
        """Less than pacing would have spent; negative when ahead."""
        return self.ideal_micros - self.spent_micros

    @property
    def ahead_micros(self) -> int:
        return -self.behind_micros

    @property
    def left_micros(self) -> int:
        return max(0, self.budget_micros - self.spent_micros - self.out_micros)

    @property
    def projected_micros(self) -> int:
        """Spent by the day's end if the rest of its traffic is bought as the part until now; at most the budget."""
        if not self.traffic_part:
            return 0
        return min(self.budget_micros, int(self.spent_micros / self.traffic_part))

    def percent(self, micros: int) -> float:
        """Of the budget in force, 0 to 100: widths of bars."""
        return (
            round(min(100.0, 100 * micros / self.budget_micros), 2) if self.budget_micros else 0.0
        )

    @property
    def spent_percent(self) -> float:
        return self.percent(self.spent_micros)

    @property
    def out_percent(self) -> float:
        return min(self.percent(self.out_micros), 100 - self.spent_percent)

    @property
    def ideal_percent(self) -> float:
        return min(99.2, self.percent(self.ideal_micros))

    @property
    def is_above_asked(self) -> bool:
        return self.budget_micros > self.asked_micros


Source = Callable[[Sequence[Campaign]], Mapping[int, TodayFigures]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """`source` answers for any number of campaigns with a fixed number of queries."""
    _sources[:] = [source]


def today_of(campaigns: Sequence[Campaign]) -> Mapping[int, TodayFigures]:
    """By campaign id; a campaign whose day has no budget row yet is missing."""
    return _sources[0](campaigns) if _sources and campaigns else {}
