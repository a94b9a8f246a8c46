"""Budget days: what interval of UTC a campaign's day is, in its own time zone.

A day is numbered (days since 1970-01-01 of the local calendar) and is the interval ``[start, end)`` of UTC
milliseconds. Days tile time: each starts at the first instant whose local date is that day or later, so that
23- and 25-hour days, skipped midnights and skipped dates (an empty interval) leave neither gap nor overlap.
For rehearsals a day can be a fixed number of seconds, the same everywhere.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = date(1970, 1, 1)


class BudgetCalendar:
    """Maps instants to budget days. `day_seconds` = 0: calendar days by tz data; else days of that length."""

    def __init__(self, day_seconds: int = 0) -> None:
        self.day_seconds = day_seconds

    def day_of(self, tz: str, now_ms: int) -> int:
        """The number of the budget day that contains the instant. Raises ZoneInfoNotFoundError."""
        if self.day_seconds:
            return now_ms // (self.day_seconds * 1000)
        local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(tz)).date()
        day = (local - EPOCH).days
        # A clock set back over midnight repeats the end of a day that is already over for us.
        return day if now_ms < _start_ms(tz, day + 1) else day + 1

    def interval(self, tz: str, day: int) -> tuple[int, int]:
        """``[start, end)`` of the day in UTC milliseconds."""
        if self.day_seconds:
            length = self.day_seconds * 1000
            return day * length, (day + 1) * length
        return _start_ms(tz, day), _start_ms(tz, day + 1)

    def label(self, day: int) -> str:
        """The day as people write it: an ISO date, or for rehearsal days the UTC instant they start at."""
        if self.day_seconds:
            start = datetime.fromtimestamp(day * self.day_seconds, UTC)
            return start.strftime("%Y-%m-%dT%H:%M:%SZ")
        return (EPOCH + timedelta(days=day)).isoformat()


@lru_cache(maxsize=8192)
def _start_ms(tz: str, day: int) -> int:
    """The first instant (UTC ms) whose local date is `day` or later."""
    zone = ZoneInfo(tz)
    wanted = EPOCH + timedelta(days=day)
    midnight = datetime(wanted.year, wanted.month, wanted.day, tzinfo=zone, fold=0)
    start_s = int(midnight.timestamp())

    def reached(second: int) -> bool:
        return datetime.fromtimestamp(second, zone).date() >= wanted

    if not reached(start_s - 1):
        return start_s * 1000
    # The clock sprang over this midnight from before it (23:30 -> 00:30): find that jump.
    low, high = start_s - 86_400, start_s
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high * 1000
