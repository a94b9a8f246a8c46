"""The part of a day's budget that is due."""

from __future__ import annotations

import pytest

from billing.pacing.bins import Bins
from billing.pacing.curve import DayCurve, day_curve, slope, spent_part

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TILES = Bins().tiles(0, DAY_MS)


def curve(
    weight: object = None, is_on: object = None, flight: tuple[int, int] = (0, 0)
) -> DayCurve:
    return day_curve(
        TILES,
        weight or (lambda _: 1.0),  # type: ignore[arg-type]
        is_on or (lambda _: True),  # type: ignore[arg-type]
        flight,
    )


def test_flat_traffic_makes_a_straight_line() -> None:
    flat = curve()
    assert [flat.part(part * DAY_MS // 4) for part in range(5)] == [0, 0.25, 0.5, 0.75, 1]


def test_half_the_traffic_is_over_when_half_of_it_is_over_not_half_of_the_day() -> None:
    late = curve(lambda at: 3.0 if at >= DAY_MS // 2 else 1.0)
    assert late.part(DAY_MS // 2) == pytest.approx(0.25)
    assert late.part(DAY_MS * 2 // 3) == pytest.approx(0.5)


def test_hours_that_are_off_need_nothing() -> None:
    office = curve(is_on=lambda at: 8 * HOUR_MS <= at < 18 * HOUR_MS)
    assert office.part(8 * HOUR_MS) == 0.0
    assert office.part(13 * HOUR_MS) == pytest.approx(0.5)
    assert office.part(18 * HOUR_MS) == office.part(23 * HOUR_MS) == 1.0


def test_a_flight_that_ends_at_noon_is_spent_by_noon() -> None:
    flight = curve(flight=(6 * HOUR_MS + 60_001, 12 * HOUR_MS))
    assert flight.part(6 * HOUR_MS) == 0.0
    assert flight.part(9 * HOUR_MS + 30_000) == pytest.approx(0.5)
    assert flight.part(12 * HOUR_MS) == 1.0


def test_on_a_day_that_is_off_nothing_is_due() -> None:
    off = curve(is_on=lambda _: False)
    assert off.part(DAY_MS // 2) == off.part(DAY_MS) == 0.0


def test_before_and_after_the_day() -> None:
    assert (curve().part(-5), curve().part(DAY_MS + 5)) == (0.0, 1.0)


def test_ahead_has_spent_two_thirds_at_half_of_the_traffic() -> None:
    assert spent_part("ahead", 0.5) == pytest.approx(0.646, abs=0.001)
    assert spent_part("even", 0.5) == 0.5
    assert spent_part("asap", 0.0) == 1.0


@pytest.mark.parametrize("mode", ["even", "ahead"])
def test_curves_end_with_the_whole_budget(mode: str) -> None:
    assert spent_part(mode, 2.0) == spent_part(mode, 1.0) == 1.0


@pytest.mark.parametrize("mode", ["even", "ahead"])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_the_slope_is_the_derivative(mode: str, at: float) -> None:
    step = 1e-6
    measured = (spent_part(mode, at + step) - spent_part(mode, at - step)) / (2 * step)
    assert slope(mode, at) == pytest.approx(measured, rel=1e-4)


def test_a_day_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without time"):
        day_curve([], lambda _: 1.0, lambda _: True, (0, 0))
