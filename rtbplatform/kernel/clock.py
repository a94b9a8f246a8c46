"""The clocks that shells read and hand to decisions as `now`. Decisions never read a clock themselves."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: calendar time for records and days, boot time for durations that must count suspend."""

    def wall_ms(self) -> int:
        """Unix time in milliseconds. May jump; no money depends on it being right."""
        ...

    def boot_ms(self) -> int:
        """Milliseconds since the machine started, time in suspend included. Never jumps back."""
        ...


class SystemClock:
    """The machine's clocks: CLOCK_REALTIME and CLOCK_BOOTTIME."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
