"""Bins tile any day of any length; curves rise from 0 to 1; no interval makes the controller leave its limits."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.pacing.bins import Bins
from billing.pacing.controller import P_MIN, Pace, Seen, next_pace
from billing.pacing.curve import day_curve

starts = st.integers(min_value=0, max_value=3 * 10**12)
lengths = st.integers(min_value=1, max_value=90_000_000)
day_seconds = st.sampled_from([0, 60, 300, 600, 601, 3607])
weights = st.lists(st.floats(min_value=0.05, max_value=20), min_size=1, max_size=50)


@given(starts, lengths, day_seconds)
def test_tiles_cover_the_interval_once(start: int, length: int, seconds: int) -> None:
    assume(not seconds or length < seconds * 4_000)
    tiles = Bins(seconds).tiles(start, start + length)
    assert tiles[0][0] == start
    assert tiles[-1][1] == start + length
    assert all(before[1] == after[0] for before, after in pairwise(tiles))


@given(starts, st.integers(min_value=1, max_value=3_600_000), day_seconds)
def test_every_instant_of_a_tile_is_in_one_bin(start: int, length: int, seconds: int) -> None:
    bins = Bins(seconds)
    for low, high in bins.tiles(start, start + length)[:50]:
        assert bins.place(low) == bins.place((low + high - 1) // 2) == bins.place(high - 1)


@given(starts, weights, st.data())
def test_curves_rise_from_nothing_to_the_whole(
    start: int, heavy: list[float], data: st.DataObject
) -> None:
    tiles = Bins(600).tiles(start, start + 600_000)
    on = data.draw(st.sets(st.integers(0, len(tiles) - 1), min_size=1))
    place = {low: number for number, (low, _) in enumerate(tiles)}
    curve = day_curve(
        tiles, lambda at: heavy[place[at] % len(heavy)], lambda at: place[at] in on, (0, 0)
    )
    looks = sorted(data.draw(st.lists(st.integers(start - 10, start + 600_010), max_size=20)))
    parts = [curve.part(at) for at in [start, *looks, start + 600_000]]
    assert parts[0] == 0.0
    assert parts[-1] == 1.0
    assert all(0.0 <= part <= 1.0 for part in parts)
    assert all(earlier <= later + 1e-9 for earlier, later in pairwise([parts[0], *parts[1:-1]]))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60_000),
            st.integers(0, 10**9),
            st.sampled_from(["even", "ahead", "asap"]),
            st.integers(0, 10**9),
        ),
        max_size=40,
    )
)
def test_the_probability_is_always_one(intervals: list[tuple[int, int, str, int]]) -> None:
    """Whatever clocks, budgets, modes and spend do: voids lower spend, budgets change, clocks stand still."""
    curves = {
        day: day_curve(
            Bins(600).tiles(day * 600_000, (day + 1) * 600_000),
            lambda _: 1.0,
            lambda _: True,
            (0, 0),
        )
        for day in range(1, 7)
    }
    now, pace = 600_000, Pace(0.5)
    for passed, spent, mode, budget in intervals:
        now += passed
        day = now // 600_000
        pace = next_pace(pace, Seen(mode, day, budget, spent, curves[day]), now)
        assert P_MIN <= pace.p <= 1.0
