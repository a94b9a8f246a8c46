"""Which part of a day's budget should be spent at an instant: as much as has passed of the traffic that can be bought."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable

from msgspec import Struct

AHEAD_EXPONENT = 1.5
"""`ahead` has spent ``1 - (1 - x)^1.5`` of the budget after the part x of the traffic: 65 % at half of it."""


class DayCurve(Struct, frozen=True):
    """A campaign's day as cumulated traffic, linear between the edges. Its unit is a millisecond of average traffic."""

    edges_ms: tuple[int, ...]
    cumulated: tuple[float, ...]
    """At each edge, from 0; flat where the campaign is off."""

    @property
    def total(self) -> float:
        """0 = the campaign is off all day."""
        return self.cumulated[-1]

    def part(self, at_ms: int) -> float:
        """How much of the day's traffic is over, 0 to 1; 0 on a day that is off."""
        if not self.total or at_ms <= self.edges_ms[0]:
            return 0.0
        if at_ms >= self.edges_ms[-1]:
            return 1.0
        after = bisect_right(self.edges_ms, at_ms)
        start, end = self.edges_ms[after - 1], self.edges_ms[after]
        before, until = self.cumulated[after - 1], self.cumulated[after]
        return (before + (until - before) * (at_ms - start) / (end - start)) / self.total


def spent_part(mode: str, traffic_part: float) -> float:
    """The part of the budget that should be spent when a part of the traffic is over. `mode`: even | ahead | asap."""
    part = min(1.0, max(0.0, traffic_part))
    if mode == "asap":
        return 1.0
    return 1.0 - (1.0 - part) ** AHEAD_EXPONENT if mode == "ahead" else part


def slope(mode: str, traffic_part: float) -> float:
    """The derivative of `spent_part`."""
    part = min(1.0, max(0.0, traffic_part))
    return float(AHEAD_EXPONENT * (1.0 - part) ** (AHEAD_EXPONENT - 1)) if mode == "ahead" else 1.0


def day_curve(
    tiles: Iterable[tuple[int, int]],
    weight: Callable[[int], float],
    is_on: Callable[[int], bool],
    flight: tuple[int, int],
) -> DayCurve:
    """`tiles` cover the day without gaps; `weight` and `is_on` are asked at their starts; `flight` is [from, until) in
    Unix ms, until = 0: open."""
    edges: list[int] = []
    cumulated: list[float] = []
    total, (opens, closes) = 0.0, flight
    for start, end in tiles:
        cuts = sorted({start, end, *(at for at in (opens, closes) if start < at < end)})
        each = weight(start) if is_on(start) else 0.0
        for low, high in itertools.pairwise(cuts):
            edges.append(low)
            cumulated.append(total)
            flying = low >= opens and (not closes or low < closes)
            total += each * (high - low) if flying else 0.0
        last = end
    if not edges:
        raise ValueError("a day without time")
    return DayCurve((*edges, last), (*cumulated, total))
