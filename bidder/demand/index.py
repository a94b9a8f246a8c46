"""The targeting index: which creatives may serve a request, as bitmaps.

Bit i stands for the i-th creative in order of price, the highest first. Every dimension of targeting answers with a
bitmap, and they are and-ed: a request costs one dictionary access and one `&` per value it carries, whatever the number
of campaigns; only what is left is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfoNotFoundError

from rtbplatform.kernel.day_parts import SLOT_MS, hour_of_week


class Dimension:
    """One kind of targeting. An empty list of wanted values means all."""

    __slots__ = ("_excluded", "_free", "_wanted")

    def __init__(self) -> None:
        self._free = 0
        self._wanted: dict[str | int, int] = {}
        self._excluded: dict[str | int, int] = {}

    def add(
        self, bit: int, wanted: Iterable[str | int], excluded: Iterable[str | int] = ()
    ) -> None:
        free = True
        for value in wanted:
            free = False
            self._wanted[value] = self._wanted.get(value, 0) | bit
        if free:
            self._free |= bit
        for value in excluded:
            self._excluded[value] = self._excluded.get(value, 0) | bit

    def one(self, value: str | int) -> int:
        """Who may serve a request with this value ("" and 0: not known)."""
        allowed = self._free | self._wanted.get(value, 0)
        if self._excluded:
            allowed &= ~self._excluded.get(value, 0)
        return allowed

    def any_of(self, values: Iterable[str | int]) -> int:
        """Who may serve a request with these values: one that is wanted is enough, and so is one excluded."""
        allowed, excluded = self._free, 0
        for value in values:
            allowed |= self._wanted.get(value, 0)
            excluded |= self._excluded.get(value, 0)
        return allowed & ~excluded


class DayParts:
    """Who is on at an instant: hours of the week in each campaign's time zone. Computed once per quarter of an hour."""

    __slots__ = ("_now", "_off", "_slot", "_zones")

    def __init__(self) -> None:
        self._zones: dict[str, dict[int, int]] = {}
        self._off = 0
        self._slot = self._now = -1

    def add(self, bit: int, zone: str, hours: Iterable[int]) -> None:
        """No hours: always on. A zone that this machine's tz data lacks: never on, since nobody knows when."""
        for hour in hours:
            of_zone = self._zones.setdefault(zone, {})
            of_zone[hour] = of_zone.get(hour, 0) | bit
            self._off |= bit
        self._slot = -1

    def at(self, now_ms: int) -> int:
        """Who may serve at this time."""
        slot = now_ms // SLOT_MS
        if slot != self._slot:
            on = ~self._off
            for zone, of_zone in self._zones.items():
                with suppress(ZoneInfoNotFoundError):
                    on |= of_zone.get(hour_of_week(zone, now_ms), 0)
            self._slot, self._now = slot, on
        return self._now


class Trait:
    """A property of creatives that a request may forbid or demand by value (its domain, category, attribute, size)."""

    __slots__ = ("_having",)

    def __init__(self) -> None:
        self._having: dict[str | int | tuple[int, int], int] = {}

    def add(self, bit: int, values: Iterable[str | int | tuple[int, int]]) -> None:
        for value in values:
            self._having[value] = self._having.get(value, 0) | bit

    def having(self, values: Sequence[str | int | tuple[int, int]]) -> int:
        """All with any of these values."""
        found = 0
        for value in self._having.keys() & values:
            found |= self._having[value]
        return found


class PriceOrder:
    """Walks a bitmap from the highest price; among equal prices it begins at a place of the request's own, so that none
    of them is always first."""

    __slots__ = ("_run_of", "_runs")

    def __init__(self, prices: Sequence[int]) -> None:
        """`prices` descending, one per bit."""
        self._run_of: list[int] = []
        self._runs: list[tuple[int, int, int]] = []
        start = 0
        for place, price in enumerate(prices):
            if place + 1 == len(prices) or prices[place + 1] != price:
                length = place + 1 - start
                mask = ((1 << length) - 1) << start
                self._run_of += [len(self._runs)] * length
                self._runs.append((mask, start, length))
                start = place + 1

    def walk(self, bitmap: int, seed: int) -> Iterator[int]:
        """Places of the set bits."""
        while bitmap:
            place = (bitmap & -bitmap).bit_length() - 1
            mask, start, length = self._runs[self._run_of[place]]
            run = bitmap & mask
            bitmap ^= run
            if length == 1:
                yield place
                continue
            later = run >> (start + seed % length) << (start + seed % length)
            yield from _places(later)
            yield from _places(run ^ later)


def _places(bitmap: int) -> Iterator[int]:
    while bitmap:
        low = bitmap & -bitmap
        bitmap ^= low
        yield low.bit_length() - 1
