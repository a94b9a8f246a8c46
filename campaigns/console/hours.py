"""Day parts as people see them: a grid of the week's hours to choose from, and ranges in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from rtbplatform.kernel.day_parts import HOURS_PER_WEEK

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS_PER_DAY = 24
CHOICES = [
    (value, f"{DAYS[value // HOURS_PER_DAY]} {value % HOURS_PER_DAY:02d}:00")
    for value in range(HOURS_PER_WEEK)
]


def grid(chosen: Collection[Any]) -> list[dict[str, Any]]:
    """A row per day, a cell per hour. `chosen` may be what a browser sent: texts, wrong ones too."""
    ticked = {str(one) for one in chosen}
    return [
        {
            "day": DAYS[start // HOURS_PER_DAY],
            "cells": [
                {"value": value, "label": label, "checked": str(value) in ticked}
                for value, label in CHOICES[start : start + HOURS_PER_DAY]
            ],
        }
        for start in range(0, HOURS_PER_WEEK, HOURS_PER_DAY)
    ]


def in_words(hours: Iterable[int]) -> list[str]:
    """ "Mon-Fri 08:00-18:00, 20:00-22:00": days with the same hours together, in order of the week."""
    chosen = set(hours)
    of_days = [
        _ranges([hour for hour in range(HOURS_PER_DAY) if day * HOURS_PER_DAY + hour in chosen])
        for day in range(len(DAYS))
    ]
    words: list[str] = []
    day = 0
    while day < len(DAYS):
        last = day
        while last + 1 < len(DAYS) and of_days[last + 1] == of_days[day]:
            last += 1
        if of_days[day]:
            name = DAYS[day][:3] if day == last else f"{DAYS[day][:3]}-{DAYS[last][:3]}"
            words.append(f"{name} {of_days[day]}")
        day = last + 1
    return words


def _ranges(hours: list[int]) -> str:
    """Of one day: "08:00-18:00, 20:00-22:00"; empty for none."""
    parts: list[list[int]] = []
    for hour in hours:
        if parts and parts[-1][1] == hour:
            parts[-1][1] = hour + 1
        else:
            parts.append([hour, hour + 1])
    return ", ".join(f"{start:02d}:00-{end:02d}:00" for start, end in parts)
