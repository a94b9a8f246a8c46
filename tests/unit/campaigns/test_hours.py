"""Day parts in words and as a grid."""

from __future__ import annotations

from campaigns.console.hours import grid, in_words


def test_no_hours_are_no_words() -> None:
    assert in_words([]) == []


def test_days_with_the_same_hours_stand_together() -> None:
    office = [day * 24 + hour for day in range(5) for hour in range(8, 18)]
    assert in_words([*office, 5 * 24 + 10]) == ["Mon-Fri 08:00-18:00", "Sat 10:00-11:00"]


def test_a_day_may_have_several_ranges() -> None:
    assert in_words([2, 3, 22, 23]) == ["Mon 02:00-04:00, 22:00-24:00"]


def test_all_of_the_week_is_one_range() -> None:
    assert in_words(range(168)) == ["Mon-Sun 00:00-24:00"]


def test_the_grid_has_every_hour_once_and_knows_what_is_chosen() -> None:
    cells = [cell for row in grid([0, "167"]) for cell in row["cells"]]
    assert [cell["value"] for cell in cells] == list(range(168))
    assert [cell["value"] for cell in cells if cell["checked"]] == [0, 167]
    assert cells[167]["label"] == "Sunday 23:00"
