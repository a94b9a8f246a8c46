"""Budget days against the odd corners of tz data."""

from datetime import UTC, date, datetime

from rtbplatform.kernel.calendar import EPOCH, BudgetCalendar

HOUR_MS = 3_600_000
calendar = BudgetCalendar()


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def length_h(tz: str, text: str) -> float:
    start, end = calendar.interval(tz, day(text))
    return (end - start) / HOUR_MS


def test_an_ordinary_day_has_24_hours() -> None:
    assert length_h("Europe/Berlin", "2026-11-23") == 24


def test_the_day_clocks_go_forward_has_23_hours() -> None:
    assert length_h("Europe/Berlin", "2026-03-29") == 23


def test_the_day_clocks_go_back_has_25_hours() -> None:
    assert length_h("America/New_York", "2026-11-01") == 25


def test_a_skipped_midnight_starts_its_day_at_the_jump() -> None:
    # Sao Paulo 2018-11-04: 00:00 became 01:00, at 03:00 UTC.
    assert calendar.interval("America/Sao_Paulo", day("2018-11-04"))[0] == ms("2018-11-04T03:00")


def test_a_skipped_date_is_an_empty_interval() -> None:
    assert length_h("Pacific/Apia", "2011-12-30") == 0


def test_a_midnight_that_happens_twice_starts_its_day_once() -> None:
    # St John's went back at 00:01 until 2011: 2010-11-07 began, was left, and began again.
    start, _ = calendar.interval("America/St_Johns", day("2010-11-07"))
    inside_repeat = start + 30 * 60 * 1000
    assert calendar.day_of("America/St_Johns", inside_repeat) == day("2010-11-07")


def test_an_instant_belongs_to_the_day_whose_interval_holds_it() -> None:
    now = ms("2026-11-23T23:30")
    assert calendar.day_of("UTC", now) == day("2026-11-23")
    assert calendar.day_of("Asia/Tokyo", now) == day("2026-11-24")


def test_a_day_is_labelled_by_its_date() -> None:
    assert calendar.label(day("2026-11-23")) == "2026-11-23"


def test_rehearsal_days_are_the_same_in_every_zone() -> None:
    short = BudgetCalendar(day_seconds=300)
    number = short.day_of("Asia/Tokyo", 900_000)
    assert number == 3
    assert short.interval("UTC", number) == (900_000, 1_200_000)
    assert short.label(number) == "1970-01-01T00:15:00Z"
