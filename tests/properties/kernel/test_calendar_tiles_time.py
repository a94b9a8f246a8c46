"""Budget days leave neither gap nor overlap, in every zone."""

from zoneinfo import available_timezones

from hypothesis import given
from hypothesis import strategies as st

from rtbplatform.kernel.calendar import BudgetCalendar

ZONES = sorted(available_timezones())
calendar = BudgetCalendar()


@given(st.sampled_from(ZONES), st.integers(min_value=0, max_value=25_000))
def test_a_day_ends_where_the_next_begins(tz: str, day: int) -> None:
    start, end = calendar.interval(tz, day)
    assert start <= end
    assert end == calendar.interval(tz, day + 1)[0]


@given(st.sampled_from(ZONES), st.integers(min_value=0, max_value=2_100_000_000_000))
def test_every_instant_is_inside_the_day_it_is_given(tz: str, now_ms: int) -> None:
    start, end = calendar.interval(tz, calendar.day_of(tz, now_ms))
    assert start <= now_ms < end
