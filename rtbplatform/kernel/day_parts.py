"""Hours of the week (0 = Monday 00:00 to 01:00, 167 = Sunday 23:00 to 24:00) in a zone's local time: day parts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

HOURS_PER_WEEK = 168
SLOT_MS = 900_000
"""Offsets from UTC are multiples of a quarter of an hour, so within a slot no zone's hour changes."""


def hour_of_week(zone: str, at_ms: int) -> int:
    """The local hour at an instant (Unix ms). Raises ZoneInfoNotFoundError."""
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    return local.weekday() * 24 + local.hour
