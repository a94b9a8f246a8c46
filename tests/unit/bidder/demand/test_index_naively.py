"""The bitmaps against looking at every campaign one by one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bidder.demand.index import DayParts, Dimension, PriceOrder
from rtbplatform.kernel.day_parts import hour_of_week

values = st.sampled_from(["a", "b", "c"])
some = st.lists(values, max_size=3)


@settings(deadline=None)
@given(st.lists(st.tuples(some, some), max_size=8), some)
def test_a_dimension_allows_what_every_line_on_its_own_allows(
    lines: list[tuple[list[str], list[str]]], carried: list[str]
) -> None:
    dimension = Dimension()
    for place, (wanted, excluded) in enumerate(lines):
        dimension.add(1 << place, wanted, excluded)
    allowed = dimension.any_of(carried)
    for place, (wanted, excluded) in enumerate(lines):
        expected = (not wanted or bool(set(wanted) & set(carried))) and not set(excluded) & set(
            carried
        )
        assert bool(allowed >> place & 1) == expected


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), max_size=70).map(lambda prices: sorted(prices, reverse=True)),
    st.integers(0, 2**70),
    st.integers(0, 2**64),
)
def test_a_walk_visits_every_set_bit_once_in_order_of_price(
    prices: list[int], bits: int, seed: int
) -> None:
    bitmap = bits & ((1 << len(prices)) - 1)
    places = list(PriceOrder(prices).walk(bitmap, seed))
    assert sorted(places) == [place for place in range(len(prices)) if bitmap >> place & 1]
    assert [prices[place] for place in places] == sorted(
        (prices[place] for place in places), reverse=True
    )


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"]),
            st.lists(st.integers(0, 167), max_size=80, unique=True),
        ),
        max_size=6,
    ),
    st.lists(st.integers(1_600_000_000_000, 1_900_000_000_000), min_size=1, max_size=5),
)
def test_day_parts_say_what_each_campaigns_clock_says(
    campaigns: list[tuple[str, list[int]]], times_ms: list[int]
) -> None:
    parts = DayParts()
    for place, (zone, hours) in enumerate(campaigns):
        parts.add(1 << place, zone, hours)
    for now_ms in times_ms:
        for place, (zone, hours) in enumerate(campaigns):
            expected = not hours or hour_of_week(zone, now_ms) in hours
            assert bool(parts.at(now_ms) >> place & 1) == expected
