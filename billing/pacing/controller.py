"""Pacing: with which probability a campaign takes part, so that its day's budget lasts the day and is used up.

Every interval ``p <- p * clamp(exp(GAIN e + GAP_GAIN s), 0.9, 1.1)``: ``e = (needed - actual) / needed`` of the last
intervals, and s the sum of all errors so far, which is what spend lacks to its plan, in intervals. It is measured, not
summed up: nothing winds up where p cannot answer, and a restart forgets nothing. Besides, p follows the plan's density
(micros per unit of traffic) at once: what is learned is the supply. Pacing proposes, escrow disposes: no money depends
on it.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from billing.pacing.curve import DayCurve, slope, spent_part

GAIN = 0.2
"""Bidders hear of p, and spend is settled, seconds later; with 0.5 the loop swings at a delay of three intervals."""
GAP_GAIN, GAP_MAX = 0.02, 20.0
"""A gap closes within some ten intervals; a large one outweighs any error of the rate."""
SMOOTHING = 0.4
"""The part of the newest interval in rates: small campaigns win less than one impression in it."""
STEP_MIN, STEP_MAX = 0.9, 1.1
DEADBAND = 0.01
P_MIN, P_START = 0.001, 0.02
START_STEP_MIN, START_STEP_MAX = 0.5, 1.5
"""Slow start: p begins small, and steps are large until spend first comes near what is needed."""
START_GAIN = 0.6
START_NEAR = 2.0
"""Near: between half and twice."""
START_INTERVALS = 30
"""At most so long: what wins once an hour never comes near in an interval."""
REPLAN_PART = 0.05
"""Farther off its plan than this part of the budget, a campaign gets a new one for the rest of the day: it started in
mid-day, its budget or status changed, or supply was missing. Money is never thrown after a plan that is lost."""
LEAD_INTERVALS = 1.0
"""p aims so far ahead: what is decided now works after the next interval began."""
FINISH_PART, FINISH_INTERVALS = 0.04, 20
"""In the last part of the day's traffic, at least so many intervals, steps are larger and the aim is farther ahead, so
that nothing remains."""
FINISH_STEP_MAX = 1.3
FINISH_LEAD_INTERVALS = 4.0


class Plan(Struct, frozen=True):
    """From where the rest of the budget is spread over the rest of the day's traffic."""

    from_ms: int
    from_micros: int
    budget_micros: int


class Seen(Struct, frozen=True):
    """What the controller sees of a campaign-day."""

    mode: str
    """even | ahead | asap"""
    day: int
    budget_micros: int
    spent_micros: int
    curve: DayCurve

    def due_micros(self, plan: Plan, at_ms: int) -> float:
        """What should be spent by then."""
        before = spent_part(self.mode, self.curve.part(plan.from_ms))
        left = plan.budget_micros - plan.from_micros
        if before >= 1.0:
            return float(plan.budget_micros)
        passed = spent_part(self.mode, self.curve.part(at_ms)) - before
        return plan.from_micros + left * max(0.0, passed) / (1.0 - before)

    def density(self, plan: Plan, at_ms: int) -> float:
        """What the plan spends per unit of traffic; 0 = nothing any more."""
        before = spent_part(self.mode, self.curve.part(plan.from_ms))
        if before >= 1.0 or not self.curve.total:
            return 0.0
        left = max(0, plan.budget_micros - plan.from_micros)
        part = self.curve.part(at_ms)
        return left * slope(self.mode, part) / (1.0 - before) / self.curve.total


class Pace(Struct, frozen=True):
    """A campaign's controller. `day` None: only p is known, from before a restart."""

    p: float = P_START
    day: int | None = None
    plan: Plan = Plan(0, 0, 0)
    spent_micros: int = 0
    at_ms: int = 0
    needed: float = 0.0
    actual: float = 0.0
    """Moving averages of micros per interval."""
    density: float = 0.0
    """The plan's when p was decided; 0 = not known."""
    start_left: int = START_INTERVALS
    """Intervals that the slow start may still take."""
    cruise: tuple[float, float] = (0.0, 0.0)
    """p and what it brought, before the day's last part, which says nothing about the next day."""


def need_micros(pace: Pace, seen: Seen, now_ms: int, within_ms: int) -> int | None:
    """What the plan and the gap to it ask for within so long; None: as much as can be (asap)."""
    if seen.mode == "asap":
        return None
    return max(0, round(seen.due_micros(pace.plan, now_ms + within_ms) - seen.spent_micros))


def next_pace(pace: Pace | None, seen: Seen, now_ms: int) -> Pace:
    """The controller after one more interval."""
    if seen.mode == "asap":
        return Pace(1.0, seen.day, Plan(now_ms, seen.spent_micros, seen.budget_micros))
    if pace is None or pace.day != seen.day or now_ms <= pace.at_ms:
        return _first(pace, seen, now_ms)
    plan = _plan(pace, seen, now_ms)
    if plan is not pace.plan:
        return _replanned(pace, seen, plan, now_ms)
    interval = now_ms - pace.at_ms
    needed = seen.due_micros(plan, now_ms) - seen.due_micros(plan, pace.at_ms)
    actual = seen.spent_micros - pace.spent_micros
    if needed <= 0 or seen.spent_micros >= seen.budget_micros:
        # Off, or done: nothing can be learned from an interval without a need.
        return replace(pace, spent_micros=seen.spent_micros, at_ms=now_ms)
    near = needed / START_NEAR <= actual <= needed * START_NEAR
    pace = replace(
        pace,
        needed=_smoothed(pace.needed, needed),
        actual=_smoothed(pace.actual, actual),
        start_left=0 if near else max(0, pace.start_left - 1),
    )
    finishing = _is_finishing(seen.curve, now_ms, interval)
    p, density = _probability(pace, seen, plan, now_ms, interval, finishing=finishing)
    return replace(
        pace,
        p=p,
        spent_micros=seen.spent_micros,
        at_ms=now_ms,
        density=density,
        cruise=pace.cruise if finishing else (p, _answered(pace, p, density)),
    )


def _first(pace: Pace | None, seen: Seen, now_ms: int) -> Pace:
    """A day's first look. Who was watched the day before begins at the day's start, others here."""
    known = pace is not None and pace.day is not None and pace.day < seen.day
    start_ms = seen.curve.edges_ms[0] if known else now_ms
    start_micros = 0 if known else seen.spent_micros
    plan = Plan(start_ms, start_micros, seen.budget_micros)
    density = seen.density(plan, now_ms)
    fresh = Pace(day=seen.day, plan=plan, spent_micros=seen.spent_micros, at_ms=now_ms)
    if pace is None:
        return replace(fresh, density=density)
    p, before = pace.cruise if pace.cruise[0] else (pace.p, pace.density)
    p = _within(p * density / before) if before and density else p
    return replace(fresh, p=p, density=density, start_left=pace.start_left, cruise=(p, density))


def _plan(pace: Pace, seen: Seen, now_ms: int) -> Plan:
    """The same one while spend is near it."""
    plan = pace.plan
    if plan.budget_micros != seen.budget_micros:
        return Plan(now_ms, seen.spent_micros, seen.budget_micros)
    off = abs(seen.due_micros(plan, now_ms) - seen.spent_micros)
    if off <= REPLAN_PART * seen.budget_micros:
        return plan
    return Plan(now_ms, seen.spent_micros, seen.budget_micros)


def _replanned(pace: Pace, seen: Seen, plan: Plan, now_ms: int) -> Pace:
    density = seen.density(plan, now_ms)
    p = _within(pace.p * density / pace.density) if density and pace.density else pace.p
    return replace(
        pace,
        p=p,
        plan=plan,
        spent_micros=seen.spent_micros,
        at_ms=now_ms,
        needed=0.0,
        actual=0.0,
        density=density or pace.density,
    )


def _probability(
    pace: Pace, seen: Seen, plan: Plan, now_ms: int, interval: int, *, finishing: bool
) -> tuple[float, float]:
    """p for the next interval, and the density it was decided for."""
    lead = FINISH_LEAD_INTERVALS if finishing else LEAD_INTERVALS
    aim = seen.due_micros(plan, now_ms + round(lead * interval))
    gap = max(-GAP_MAX, min(GAP_MAX, (aim - seen.spent_micros) / pace.needed))
    error = max(-1.0, min(1.0, (pace.needed - pace.actual) / pace.needed))
    if abs(error) < DEADBAND:
        error = 0.0
    gain, gap_gain, step_min, step_max = GAIN, GAP_GAIN, STEP_MIN, STEP_MAX
    if finishing:
        gap_gain, step_min, step_max = 2 * GAP_GAIN, 1 / FINISH_STEP_MAX, FINISH_STEP_MAX
    elif pace.start_left:
        gain, step_min, step_max = START_GAIN, START_STEP_MIN, START_STEP_MAX
    wanted = math.exp(gain * error + gap_gain * gap)
    step = max(step_min, min(step_max, wanted))
    density = seen.density(plan, now_ms)
    follow = density / pace.density if density and pace.density else 1.0
    return _within(pace.p * follow * step), density or pace.density


def _is_finishing(curve: DayCurve, now_ms: int, interval: int) -> bool:
    return curve.part(now_ms + FINISH_INTERVALS * interval) >= 1.0 or (
        curve.part(now_ms) > 1.0 - FINISH_PART
    )


def _answered(pace: Pace, p: float, density: float) -> float:
    """The density that p really brings: less than the plan's where even all of the supply is not enough."""
    return density if p < 1.0 else density * min(1.0, pace.actual / pace.needed)


def _smoothed(before: float, newest: float) -> float:
    return before + SMOOTHING * (newest - before) if before else float(newest)


def _within(p: float) -> float:
    return max(P_MIN, min(1.0, p))
