"""The pacing controller: it raises, lowers, keeps within its limits, and comes to the target."""

from __future__ import annotations

import pytest

from billing.escrow.pacing import (
    ERROR_SUM_MAX,
    P_MIN,
    P_START,
    Pace,
    Spending,
    curve,
    needed_micros,
    next_pace,
)

DAY_MS = 86_400_000


def seen(spent: int, mode: str = "even", day: int = 5, budget: int = 86_400_000) -> Spending:
    return Spending(mode, day, 0, DAY_MS, budget, spent)


def test_a_campaign_starts_slowly() -> None:
    assert next_pace(None, seen(0), 0).p == P_START


def test_a_new_day_starts_where_the_old_one_ended() -> None:
    yesterday = Pace(4, p=0.7, error_sum=3.0, spent_micros=99)
    pace = next_pace(yesterday, seen(0), 0)
    assert (pace.p, pace.error_sum, pace.spent_micros) == (0.7, 0.0, 0)


def test_asap_takes_part_always() -> None:
    assert next_pace(Pace(5, 0.3), seen(0, "asap"), 10_000).p == 1.0


def test_spending_too_little_raises_the_probability_by_a_tenth_at_most() -> None:
    assert next_pace(Pace(5, 0.5), seen(0), 10_000).p == pytest.approx(0.55)


def test_spending_too_much_lowers_it_by_a_tenth_at_most() -> None:
    assert next_pace(Pace(5, 0.5), seen(10**7), 10_000).p == pytest.approx(0.45)


def test_within_the_deadband_nothing_changes() -> None:
    assert next_pace(Pace(5, 0.5), seen(9_950), 10_000).p == 0.5


def test_the_probability_stays_within_its_limits() -> None:
    assert next_pace(Pace(5, 1.0), seen(0), 10_000).p == 1.0
    assert next_pace(Pace(5, P_MIN), seen(10**7), 10_000).p == P_MIN


def test_an_error_that_the_probability_cannot_answer_is_not_summed_up() -> None:
    pace = Pace(5, 1.0)
    for tick in range(1, 50):
        pace = next_pace(pace, seen(0), tick * 10_000)
    assert pace.error_sum == 0.0


def test_the_sum_of_errors_is_bounded() -> None:
    pace = Pace(5, 0.01)
    for tick in range(1, 30):
        pace = next_pace(pace, seen(0), tick * 10_000)
    assert abs(pace.error_sum) <= ERROR_SUM_MAX


def test_nothing_needed_changes_nothing_but_the_record() -> None:
    pace = next_pace(Pace(5, 0.5, spent_micros=10), seen(10, budget=10), 10_000)
    assert (pace.p, pace.spent_micros, pace.at_ms) == (0.5, 10, 10_000)


def test_ahead_has_spent_two_thirds_at_noon() -> None:
    assert curve("ahead", 0.5) == pytest.approx(0.646, abs=0.001)
    assert curve("even", 0.5) == 0.5


def test_curves_end_with_the_whole_budget() -> None:
    assert curve("ahead", 2.0) == curve("even", 1.0) == 1.0


def test_what_is_needed_grows_with_what_was_missed() -> None:
    on_time = needed_micros(seen(0), DAY_MS // 2 * 1000 // 1000, DAY_MS // 2, DAY_MS // 2 + 10_000)
    behind = needed_micros(seen(0), 0, DAY_MS // 2, DAY_MS // 2 + 10_000)
    assert behind == pytest.approx(2 * on_time)


def test_after_the_day_everything_left_is_needed() -> None:
    assert needed_micros(seen(0, budget=70), 20, DAY_MS, DAY_MS + 1) == 50


@pytest.mark.parametrize("mode", ["even", "ahead"])
def test_over_a_day_of_steady_traffic_the_budget_is_used_up(mode: str) -> None:
    pace, spent, budget = None, 0, 86_400_000
    for now_ms in range(0, DAY_MS, 10_000):
        pace = next_pace(pace, seen(spent, mode, budget=budget), now_ms)
        spent = min(budget, spent + int(pace.p * 60_000))  # supply for six budgets
    assert spent >= 0.995 * budget


def test_over_a_day_of_steady_traffic_half_is_spent_at_noon() -> None:
    pace, spent = None, 0
    for now_ms in range(0, DAY_MS // 2, 10_000):
        pace = next_pace(pace, seen(spent), now_ms)
        spent += int(pace.p * 60_000)
    assert spent == pytest.approx(43_200_000, rel=0.02)
