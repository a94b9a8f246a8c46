"""Five minutes of the week, or 1/288 of a rehearsal day."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.pacing.bins import Bins


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type]


def test_a_week_begins_on_monday_in_utc() -> None:
    monday = ms(2026, 3, 9)
    assert Bins().place(monday)[1] == 0
    assert Bins().place(monday - 1)[1] == 2015


def test_the_same_time_a_week_later_is_the_same_bin_of_the_next_period() -> None:
    period, place = Bins().place(ms(2026, 3, 11, 13, 7))
    assert Bins().place(ms(2026, 3, 18, 13, 7)) == (period + 1, place)


def test_a_bin_is_five_minutes_long() -> None:
    first, last = ms(2026, 3, 11, 13, 5), ms(2026, 3, 11, 13, 10) - 1
    assert Bins().place(first) == Bins().place(last)
    assert Bins().place(last + 1)[1] == Bins().place(last)[1] + 1


def test_every_rehearsal_day_is_the_same() -> None:
    bins = Bins(600)
    assert bins.place(600_000 * 7) == (7, 0)
    assert bins.place(600_000 * 8 - 1) == (7, 287)


def test_a_calendar_day_has_288_tiles() -> None:
    assert len(Bins().tiles(ms(2026, 3, 10), ms(2026, 3, 11))) == 288
