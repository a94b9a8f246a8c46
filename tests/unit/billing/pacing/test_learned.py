"""What earlier weeks say about a bin."""

from __future__ import annotations

import pytest

from billing.pacing.bins import PER_DAY, Bins
from billing.pacing.learned import PERIODS_KEPT, WEIGHT_MIN, BinTraffic, Learned

REHEARSAL = Bins(600)
DAY_MS = 600_000


def times(bins: Bins, period: int, place: int) -> int:
    """An instant in a rehearsal's bin."""
    return period * bins.day_ms + place * bins.day_ms // PER_DAY + 1


def of(means: dict[int, float], periods: int = 1) -> Learned:
    seen = {place: BinTraffic(4, 0, mean, periods) for place, mean in means.items()}
    return Learned(REHEARSAL, seen)


def test_without_history_all_times_are_alike() -> None:
    assert Learned(REHEARSAL, {}).weight(123) == 1.0


def test_what_was_never_seen_counts_as_average() -> None:
    assert of({0: 100.0, 1: 300.0}).weight(times(REHEARSAL, 4, 7)) == 1.0


def test_a_busy_bin_weighs_more_than_a_quiet_one() -> None:
    learned = of({0: 100.0, 1: 300.0})
    quiet, busy = (learned.weight(times(REHEARSAL, 4, place)) for place in (0, 1))
    assert quiet < 1.0 < busy


def test_the_more_often_it_was_seen_the_more_it_counts() -> None:
    once, often = of({0: 100.0, 1: 300.0}), of({0: 100.0, 1: 300.0}, periods=4)
    at = times(REHEARSAL, 4, 1)
    assert 1.0 < once.weight(at) < often.weight(at) < 1.5


def test_weights_do_not_change_while_their_day_is_counted() -> None:
    before = Learned(REHEARSAL, {0: BinTraffic(3, 500, 100.0, 2), 1: BinTraffic(3, 100, 100.0, 2)})
    folded = BinTraffic(3, 500, 100.0, 2).folded()
    during = Learned(
        REHEARSAL,
        {
            0: BinTraffic(4, 9_999, folded.mean, folded.periods),
            1: BinTraffic(3, 100, 100.0, 2),
        },
    )
    at = times(REHEARSAL, 4, 0)
    assert before.weight(at) == during.weight(at)


def test_the_newest_period_counts_a_quarter_at_least() -> None:
    traffic = BinTraffic(0, 100)
    for _ in range(20):
        traffic = traffic.folded()
        traffic = BinTraffic(traffic.period + 1, 100, traffic.mean, traffic.periods)
    changed = BinTraffic(30, 500, traffic.mean, traffic.periods).folded()
    assert traffic.periods == PERIODS_KEPT
    assert changed.mean == pytest.approx(200.0)


def test_regions_add_up() -> None:
    both = BinTraffic(5, 10, 100.0, 2).plus(BinTraffic(5, 20, 50.0, 1))
    assert both == BinTraffic(5, 30, 150.0, 2)


def test_a_region_that_is_a_period_behind_is_folded_first() -> None:
    both = BinTraffic(5, 10, 100.0, 2).plus(BinTraffic(4, 30, 0.0, 0))
    assert both == BinTraffic(5, 10, 130.0, 2)


def test_an_outage_does_not_make_a_time_worthless() -> None:
    quiet = dict.fromkeys(range(1, PER_DAY), 1000000.0) | {0: 0.0}
    assert of(quiet, periods=4).weight(times(REHEARSAL, 4, 0)) >= WEIGHT_MIN


def test_a_weekday_never_seen_takes_after_other_weekdays() -> None:
    bins = Bins()
    monday = {place: BinTraffic(0, 0, 100.0 if place < 144 else 300.0, 4) for place in range(288)}
    learned = Learned(bins, monday)
    tuesday_ms = -3 * 86_400_000 + 86_400_000 + 7 * 86_400_000
    assert learned.weight(tuesday_ms + 1_000) < 0.8
    assert learned.weight(tuesday_ms + 80_000_000) > 1.2
