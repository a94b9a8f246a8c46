"""The schedule of faults: the seed's, complete, and over in time."""

import time

from tests.chaos.run import Options, times
from tests.chaos.schedule import ALL, KINDS, make


def test_the_same_seed_makes_the_same_schedule() -> None:
    assert make(3, 300, kinds=ALL, every_s=5) == make(3, 300, kinds=ALL, every_s=5)
    assert make(3, 300, kinds=ALL, every_s=5) != make(4, 300, kinds=ALL, every_s=5)


def test_a_long_run_has_every_kind_at_least_twice() -> None:
    kinds = [fault.kind for fault in make(1, 590, kinds=ALL, every_s=5)]
    assert min(kinds.count(kind) for kind in KINDS) >= 2


def test_a_run_of_two_minutes_has_every_kind() -> None:
    for seed in range(20):
        assert {fault.kind for fault in make(seed, 55, kinds=ALL, every_s=5)} == set(KINDS)


def test_the_last_fault_ends_before_the_time_is_over() -> None:
    assert all(one.at_s + one.lasts_s <= 60 for one in make(1, 60, kinds=ALL, every_s=5))


def test_the_second_half_of_a_long_run_is_two_whole_days() -> None:
    asked = Options(0, 20, 300, 5, short=False, both_modes=True)
    for now_s in (0.0, 1.0, 149.0, 151.0, 299.0, time.time()):
        planned = times(asked, now_s)
        assert len(planned.whole_days) == 2
        assert planned.whole_days.start * 300 == round(now_s + planned.faults_s)
        assert (now_s + planned.total_s) % 300 < 0.001 or (now_s + planned.total_s) % 300 > 299.9
