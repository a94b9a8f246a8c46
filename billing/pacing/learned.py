"""What the traffic of earlier weeks says about a bin: a mean per bin, drawn towards what is known more broadly.

A bin that was seen n times counts n parts against PRIOR parts of the same time of day on any day, and that against
PRIOR parts of a flat line: one odd day does not bend the next.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from billing.pacing.bins import PER_DAY, Bins

PERIODS_KEPT = 4
"""The mean is plain over so many weeks, then older ones fade: weight 1/4 for the newest."""
PRIOR = 2.0
WEIGHT_MIN, WEIGHT_MAX = 0.05, 20.0
"""Of the mean bin: neither an outage nor a spike in the past makes a time worthless or everything."""


class BinTraffic(Struct, frozen=True):
    """One bin: the requests of the newest period that was seen, and the mean of those before it."""

    period: int
    requests: int
    mean: float = 0.0
    periods: int = 0

    def folded(self) -> BinTraffic:
        """The newest period is over: part of the mean."""
        periods = min(self.periods + 1, PERIODS_KEPT)
        mean = self.mean + (self.requests - self.mean) / periods
        return BinTraffic(self.period, 0, mean, periods)

    def before(self, period: int) -> BinTraffic:
        """What was known when a period began, however much of it has been counted since."""
        return self.folded() if self.period < period else self

    def plus(self, other: BinTraffic) -> BinTraffic:
        """The same bin in another region as well."""
        newest = max(self.period, other.period)
        one, two = self.before(newest), other.before(newest)
        return BinTraffic(
            newest,
            one.requests + two.requests,
            one.mean + two.mean,
            max(one.periods, two.periods),
        )


class Learned:
    """Weights of bins; 1 = a bin of average traffic. The same before, during and after the period asked about."""

    def __init__(self, bins: Bins, seen: Mapping[int, BinTraffic]) -> None:
        self._bins = bins
        self._seen = seen
        self._periods: dict[int, dict[int, float]] = {}

    def weight(self, at_ms: int) -> float:
        """Expected traffic at an instant, relative to the mean bin."""
        period, place = self._bins.place(at_ms)
        if period not in self._periods:
            self._periods[period] = self._weights(period)
        return self._periods[period].get(place, 1.0)

    def _weights(self, period: int) -> dict[int, float]:
        known = {place: one.before(period) for place, one in self._seen.items()}
        known = {place: one for place, one in known.items() if one.periods}
        level = sum(one.mean for one in known.values()) / max(1, len(known))
        if level <= 0:
            return {}
        of_day: dict[int, list[BinTraffic]] = {}
        for place, one in known.items():
            of_day.setdefault(place % PER_DAY, []).append(one)
        profile = {place: _drawn(1.0, ones, level) for place, ones in of_day.items()}
        return {
            place: _drawn(profile.get(place % PER_DAY, 1.0), [known[place]], level)
            if place in known
            else profile.get(place % PER_DAY, 1.0)
            for place in range(self._bins.per_period)
        }


def _drawn(prior: float, seen: list[BinTraffic], level: float) -> float:
    """The mean of what was seen, relative to `level`, drawn towards a prior."""
    parts = sum(one.periods for one in seen)
    total = sum(one.mean / level * one.periods for one in seen)
    weight = (total + PRIOR * prior) / (parts + PRIOR)
    return min(WEIGHT_MAX, max(WEIGHT_MIN, weight))
