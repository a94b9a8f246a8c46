"""Pacing: with which probability a campaign takes part, so that its day's budget lasts the day and is used up.

Every interval ``p <- p * clamp(exp(0.5 e + 0.05 sum e), 0.9, 1.1)`` with ``e = (needed - actual) / needed``. Pacing
proposes, escrow disposes: no money depends on it.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

GAIN, INTEGRAL_GAIN = 0.5, 0.05
STEP_MIN, STEP_MAX = 0.9, 1.1
DEADBAND = 0.01
ERROR_SUM_MAX = 4.0
P_MIN, P_START = 0.001, 0.1
AHEAD_EXPONENT = 1.5
"""`ahead` has spent ``1 - (1 - t)^1.5`` of the budget at the part t of the day: 65 % at noon."""
FINISH_PART = 0.02
"""In the last part of the day steps may be larger, so that a remainder is still used (taper)."""
FINISH_STEP_MAX = 1.3


class Pace(Struct, frozen=True):
    """A campaign-day's controller."""

    day: int
    p: float = P_START
    error_sum: float = 0.0
    spent_micros: int = 0
    at_ms: int = 0


class Spending(Struct, frozen=True):
    """What the controller sees of a campaign-day."""

    mode: str
    """even | ahead | asap"""
    day: int
    starts_ms: int
    ends_ms: int
    budget_micros: int
    spent_micros: int


def curve(mode: str, part: float) -> float:
    """The part of the budget that should be spent when `part` of the day is over."""
    part = min(1.0, max(0.0, part))
    return 1.0 - (1.0 - part) ** AHEAD_EXPONENT if mode == "ahead" else part


def needed_micros(seen: Spending, spent_before: int, since_ms: int, now_ms: int) -> float:
    """What the interval should have spent, so that the rest of the day's curve uses up what was left at its start."""
    length = seen.ends_ms - seen.starts_ms
    before, now = (
        curve(seen.mode, (at - seen.starts_ms) / length)
        for at in (max(since_ms, seen.starts_ms), now_ms)
    )
    left = max(0, seen.budget_micros - spent_before)
    return left * (now - before) / (1.0 - before) if before < 1.0 else float(left)


def next_pace(pace: Pace | None, seen: Spending, now_ms: int) -> Pace:
    """The controller after one more interval. A new day starts with the old day's probability."""
    if seen.mode == "asap":
        return Pace(seen.day, 1.0, 0.0, seen.spent_micros, now_ms)
    if pace is None or pace.day != seen.day:
        start = P_START if pace is None else pace.p
        return Pace(seen.day, start, 0.0, seen.spent_micros, now_ms)
    needed = needed_micros(seen, pace.spent_micros, pace.at_ms, now_ms)
    actual = seen.spent_micros - pace.spent_micros
    if needed <= 0:
        return replace(pace, spent_micros=seen.spent_micros, at_ms=now_ms)
    error = max(-1.0, min(1.0, (needed - actual) / needed))
    if abs(error) < DEADBAND:
        error = 0.0
    error_sum = max(-ERROR_SUM_MAX, min(ERROR_SUM_MAX, pace.error_sum + error))
    late = (seen.ends_ms - now_ms) < FINISH_PART * (seen.ends_ms - seen.starts_ms)
    step_max = FINISH_STEP_MAX if late else STEP_MAX
    step = max(STEP_MIN, min(step_max, math.exp(GAIN * error + INTEGRAL_GAIN * error_sum)))
    p = max(P_MIN, min(1.0, pace.p * step))
    if p in (P_MIN, 1.0) and error * pace.error_sum >= 0:
        error_sum = (
            pace.error_sum
        )  # anti-windup: nothing is learned from an error that p cannot answer
    return Pace(seen.day, p, error_sum, seen.spent_micros, now_ms)
