"""The pacing controller: it starts slowly, follows its plan, plans anew when that is lost, and finishes."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from msgspec.structs import replace

from billing.pacing.bins import Bins
from billing.pacing.controller import (
    P_MIN,
    P_START,
    START_STEP_MAX,
    STEP_MAX,
    STEP_MIN,
    Pace,
    Plan,
    Seen,
    need_micros,
    next_pace,
)
from billing.pacing.curve import DayCurve, day_curve, spent_part

DAY_MS = 600_000
BUDGET = 6_000_000
TICK_MS = 1_000


def flat(day: int) -> DayCurve:
    tiles = Bins(600).tiles(day * DAY_MS, (day + 1) * DAY_MS)
    return day_curve(tiles, lambda _: 1.0, lambda _: True, (0, 0))


CURVES = {day: flat(day) for day in (1, 2)}


def seen(spent: int, mode: str = "even", day: int = 1, budget: int = BUDGET) -> Seen:
    return Seen(mode, day, budget, spent, CURVES[day])


def on_plan(at_ms: int, p: float = 0.5) -> Pace:
    """Well after the slow start, where it aims: an interval ahead of its plan, at an offset into day 1."""
    each = BUDGET * TICK_MS / DAY_MS
    return Pace(
        p=p,
        day=1,
        plan=Plan(DAY_MS, 0, BUDGET),
        spent_micros=round(each * (at_ms / TICK_MS + 1)),
        at_ms=DAY_MS + at_ms,
        needed=each,
        actual=each,
        density=BUDGET / DAY_MS,
        start_left=0,
        cruise=(p, BUDGET / DAY_MS),
    )


def after(pace: Pace, actual: int, **changes: object) -> Pace:
    """One tick later, with so much more spent."""
    return next_pace(pace, seen(pace.spent_micros + actual, **changes), pace.at_ms + TICK_MS)  # type: ignore[arg-type]


def test_a_campaign_starts_slowly() -> None:
    assert next_pace(None, seen(0), DAY_MS).p == P_START


def test_the_slow_start_takes_large_steps() -> None:
    pace = next_pace(None, seen(0), DAY_MS)
    assert after(pace, 0).p == pytest.approx(START_STEP_MAX * P_START)


def test_the_slow_start_ends_when_spend_comes_near_the_need() -> None:
    pace = next_pace(None, seen(0), DAY_MS)
    assert after(pace, 0).start_left > 0
    assert after(pace, 10_000).start_left == 0


def test_the_slow_start_ends_for_those_who_seldom_win() -> None:
    pace = next_pace(None, seen(0), DAY_MS)
    for _ in range(31):
        pace = after(pace, 0)
    assert pace.start_left == 0


def test_on_plan_nothing_changes() -> None:
    assert after(on_plan(100_000), 10_000).p == pytest.approx(0.5, rel=0.001)


def test_spending_too_little_raises_the_probability_by_a_tenth_at_most() -> None:
    pace = on_plan(100_000)
    assert 0.5 < after(pace, 8_000).p < after(pace, 0).p <= 0.5 * STEP_MAX


def test_spending_too_much_lowers_it_by_a_tenth_at_most() -> None:
    pace = on_plan(100_000)
    assert 0.5 > after(pace, 12_000).p > after(pace, 100_000).p >= 0.5 * STEP_MIN


def test_a_gap_is_closed_even_while_the_rate_is_right() -> None:
    behind = replace(on_plan(100_000), spent_micros=900_000)
    assert after(behind, 10_000).p > 0.5


def test_the_probability_stays_within_its_limits() -> None:
    assert after(on_plan(100_000, p=1.0), 0).p == 1.0
    assert after(on_plan(100_000, p=P_MIN), 100_000).p == P_MIN


def test_asap_takes_part_always() -> None:
    assert after(on_plan(100_000), 0, mode="asap").p == 1.0


def test_a_used_up_budget_teaches_nothing() -> None:
    done = after(on_plan(100_000), BUDGET)
    assert after(done, 0).p == done.p
    assert after(done, 0).cruise == done.cruise


def test_a_new_day_starts_where_the_old_one_cruised() -> None:
    yesterday = replace(on_plan(599_000, p=1.0), cruise=(0.7, BUDGET / DAY_MS))
    pace = next_pace(yesterday, seen(0, day=2), 2 * DAY_MS + 500)
    assert pace.p == pytest.approx(0.7)
    assert pace.plan == Plan(2 * DAY_MS, 0, BUDGET)


def test_a_new_day_with_twice_the_budget_starts_with_twice_the_probability() -> None:
    yesterday = replace(on_plan(599_000), cruise=(0.3, BUDGET / DAY_MS))
    pace = next_pace(yesterday, seen(0, day=2, budget=2 * BUDGET), 2 * DAY_MS + 500)
    assert pace.p == pytest.approx(0.6)


def test_a_day_that_lacked_supply_says_what_there_is() -> None:
    """Half of what was needed came in at p = 1: a day of half the budget needs all of it."""
    pace = on_plan(100_000, p=1.0)
    for _ in range(20):
        pace = after(pace, 5_000)
    following = next_pace(pace, seen(0, day=2, budget=BUDGET // 2), 2 * DAY_MS + 500)
    assert following.p == pytest.approx(1.0, rel=0.01)


def test_a_day_without_traffic_says_nothing() -> None:
    pace = on_plan(100_000, p=1.0)
    for _ in range(60):
        pace = after(pace, 0)
    assert next_pace(pace, seen(0, day=2), 2 * DAY_MS + 500).p == pytest.approx(1.0)


def test_who_comes_in_mid_day_spreads_the_budget_over_the_rest() -> None:
    pace = next_pace(None, seen(0), DAY_MS + DAY_MS // 2)
    assert seen(0).due_micros(pace.plan, DAY_MS + DAY_MS // 2) == 0
    assert seen(0).due_micros(pace.plan, DAY_MS + DAY_MS * 3 // 4) == pytest.approx(BUDGET / 2)


def test_after_a_restart_the_probability_is_what_it_was() -> None:
    assert next_pace(Pace(0.37), seen(1_000_000), DAY_MS + 100_000).p == 0.37


def test_a_raised_budget_raises_the_probability_at_once() -> None:
    pace = on_plan(300_000, p=0.2)
    assert after(pace, 10_000, budget=3 * BUDGET // 2).p == pytest.approx(0.4, rel=0.01)


def test_a_lost_plan_is_made_anew_for_what_is_left() -> None:
    lost = replace(on_plan(300_000), spent_micros=1_000_000)
    pace = after(lost, 0)
    assert pace.plan == Plan(lost.at_ms + TICK_MS, 1_000_000, BUDGET)


def test_in_hours_that_are_off_nothing_changes() -> None:
    tiles = Bins(600).tiles(DAY_MS, 2 * DAY_MS)
    off_later = day_curve(tiles, lambda _: 1.0, lambda at: at < DAY_MS + DAY_MS // 2, (0, 0))
    pace = replace(on_plan(400_000), plan=Plan(DAY_MS, 0, BUDGET), spent_micros=BUDGET - 1)
    after_it = next_pace(pace, Seen("even", 1, BUDGET, BUDGET - 1, off_later), pace.at_ms + TICK_MS)
    assert after_it.p == pace.p


def test_ahead_slows_down_as_its_curve_does() -> None:
    """No error, no gap: p follows the curve's slope all the same."""

    def on_curve(at_ms: int) -> Seen:
        return seen(round(BUDGET * spent_part("ahead", (at_ms + TICK_MS) / DAY_MS)), "ahead")

    first = on_plan(0)
    density = on_curve(0).density(first.plan, DAY_MS)
    pace = replace(
        first, spent_micros=on_curve(0).spent_micros, density=density, needed=0.0, actual=0.0
    )
    probabilities = []
    for at_ms in range(TICK_MS, DAY_MS * 9 // 10, TICK_MS):
        pace = next_pace(pace, on_curve(at_ms), DAY_MS + at_ms)
        probabilities.append(pace.p)
    assert all(later <= earlier for earlier, later in pairwise(probabilities))
    assert probabilities[-1] < 0.5 * probabilities[0]


def test_a_terms_need_is_its_part_of_the_curve_and_the_gap() -> None:
    pace = replace(on_plan(100_000), spent_micros=990_000)
    assert need_micros(pace, seen(990_000), pace.at_ms, 3_000) == 40_000


def test_the_need_ends_with_the_day() -> None:
    pace = replace(on_plan(599_000), spent_micros=5_990_000)
    assert need_micros(pace, seen(pace.spent_micros), pace.at_ms, 30_000) == 10_000


def test_who_is_ahead_needs_nothing_and_asap_all_it_can_get() -> None:
    pace = on_plan(100_000)
    assert need_micros(pace, seen(2_000_000), pace.at_ms, 3_000) == 0
    assert need_micros(pace, seen(0, "asap"), pace.at_ms, 3_000) is None


class Market:
    """Supply for `supply` budgets over a day, in impressions; spend is seen, and p heard of, some ticks later."""

    def __init__(self, impressions: int, supply: float, seed: int, delay: int = 2) -> None:
        self.impressions, self.supply, self.delay = impressions, supply, delay
        self._random = random.Random(seed)

    def day(self, pace: Pace | None, day: int, mode: str = "even") -> tuple[Pace, float, float]:
        """The controller after it, the part delivered, the 95th percentile of |spent - due| / budget."""
        cost = BUDGET // self.impressions
        budget = cost * self.impressions
        heard = [pace.cruise[0] or pace.p if pace else 0.0] * self.delay
        told, errors, spent, offered = [0] * self.delay, [], 0, 0.0
        for at in range(day * DAY_MS, (day + 1) * DAY_MS, TICK_MS):
            pace = next_pace(pace, seen(told[-self.delay], mode, day, budget), at)
            heard.append(pace.p)
            offered += self.impressions * self.supply * TICK_MS / DAY_MS
            while offered >= 1:
                offered -= 1
                if spent < budget and self._random.random() < heard[-self.delay]:
                    spent += cost
            told.append(spent)
            due = budget * spent_part(mode, (at + TICK_MS - day * DAY_MS) / DAY_MS)
            errors.append(abs(spent - due) / budget)
        assert pace is not None
        return pace, spent / budget, sorted(errors)[int(0.95 * len(errors))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("mode", "impressions", "supply"),
    [
        ("even", 2_000, 1.3),
        ("even", 20_000, 1.3),
        ("even", 2_000, 20.0),
        ("ahead", 2_000, 2.0),
    ],
)
def test_a_day_after_the_first_keeps_to_its_curve_and_is_used_up(
    mode: str, impressions: int, supply: float, seed: int
) -> None:
    market = Market(impressions, supply, seed)
    pace, _, _ = market.day(None, 1, mode)
    _, delivered, error_p95 = market.day(pace, 2, mode)
    assert delivered >= 0.995
    assert error_p95 <= 0.02


@pytest.mark.parametrize("seed", range(5))
def test_a_first_day_is_used_up_too(seed: int) -> None:
    _, delivered, error_p95 = Market(2_000, 1.3, seed).day(None, 1)
    assert delivered >= 0.995
    assert error_p95 <= 0.04


def test_a_small_campaign_is_spread_over_its_day() -> None:
    """A hundred impressions in 600 intervals: most see none."""
    pace, _, _ = Market(100, 5.0, 1).day(None, 1)
    _, delivered, error_p95 = Market(100, 5.0, 2).day(pace, 2)
    assert delivered >= 0.99
    assert error_p95 <= 0.05
