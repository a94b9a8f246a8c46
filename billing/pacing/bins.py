"""The bins that traffic is counted in: five minutes of the week in UTC, or 1/288 of a rehearsal day."""

from __future__ import annotations

import itertools

from msgspec import Struct

PER_DAY = 288
DAY_MS = 86_400_000
DAYS_PER_WEEK = 7
MONDAY_MS = 3 * DAY_MS
"""1970-01-01 was a Thursday: so much before it a week began."""


class Bins(Struct, frozen=True):
    """`day_seconds` as of BudgetCalendar: 0 = calendar days, which differ by weekday; else all days are alike."""

    day_seconds: int = 0

    @property
    def day_ms(self) -> int:
        return self.day_seconds * 1000 or DAY_MS

    @property
    def per_period(self) -> int:
        """After so many bins the same one comes again."""
        return PER_DAY if self.day_seconds else PER_DAY * DAYS_PER_WEEK

    def _number(self, at_ms: int) -> int:
        """Bins since the first one of period 0."""
        shifted = at_ms if self.day_seconds else at_ms + MONDAY_MS
        day, within = divmod(shifted, self.day_ms)
        return day * PER_DAY + ((within + 1) * PER_DAY - 1) // self.day_ms

    def _start_ms(self, number: int) -> int:
        day, of_day = divmod(number, PER_DAY)
        shifted = day * self.day_ms + of_day * self.day_ms // PER_DAY
        return shifted if self.day_seconds else shifted - MONDAY_MS

    def place(self, at_ms: int) -> tuple[int, int]:
        """(period, bin) of an instant: the week and the five minutes in it, or the rehearsal day and its part."""
        return divmod(self._number(at_ms), self.per_period)

    def tiles(self, starts_ms: int, ends_ms: int) -> list[tuple[int, int]]:
        """[start, end) of the bins that cover the interval, cut off at its ends. In Unix ms."""
        later = range(self._number(starts_ms) + 1, self._number(max(ends_ms - 1, 0)) + 1)
        edges = [starts_ms, *(self._start_ms(number) for number in later), ends_ms]
        return [pair for pair in itertools.pairwise(edges) if pair[0] < pair[1]]
