"""The targeting index: which creatives may serve a request, as bitmaps.

Bit i stands for the i-th creative in order of price, the highest first. Every dimension of targeting answers with a
bitmap, and they are and-ed: a request costs one dictionary access and one `&` per value it carries, whatever the number
of campaigns; only what is left is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


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
