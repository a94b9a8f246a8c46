"""Traffic is counted per region and bin, folds itself, and bends the curve that the console shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import selectors
from billing.pacing.bins import Bins
from billing.pacing.curves import Curves
from billing.pacing.models import TrafficBin
from billing.pacing.traffic import read_learned, record_traffic
from campaigns.models import Campaign, Targeting
from tests.integration.billing.conftest import NOW, NOW_MS

WEEK_MS = 7 * 86_400_000


@pytest.fixture(autouse=True)
def fresh_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "_curves", Curves())


def rows() -> list[tuple[str, int, float, int]]:
    found = TrafficBin.objects.order_by("region", "bin")
    return [(row.region, row.requests, row.mean, row.periods) for row in found]


def test_requests_of_a_bin_are_summed_up(db: None) -> None:
    record_traffic("eu", [NOW_MS, NOW_MS + 1, NOW_MS + 299_999])
    record_traffic("eu", [NOW_MS + 2])
    record_traffic("us", [NOW_MS])
    assert rows() == [("eu", 4, 0.0, 0), ("us", 1, 0.0, 0)]


def test_no_requests_write_nothing(db: None) -> None:
    record_traffic("eu", [])
    assert rows() == []


def test_a_later_week_folds_the_one_before_into_the_mean(db: None) -> None:
    record_traffic("eu", [NOW_MS] * 10)
    record_traffic("eu", [NOW_MS + WEEK_MS] * 30)
    record_traffic("eu", [NOW_MS + 2 * WEEK_MS])
    assert rows() == [("eu", 1, 20.0, 2)]


def test_a_stream_that_settles_a_week_late_is_too_late(db: None) -> None:
    record_traffic("eu", [NOW_MS + WEEK_MS] * 3)
    record_traffic("eu", [NOW_MS] * 10)
    assert rows() == [("eu", 3, 0.0, 0)]


def test_times_of_two_weeks_in_one_call_count_for_the_later(db: None) -> None:
    record_traffic("eu", [NOW_MS] * 10 + [NOW_MS + WEEK_MS] * 3)
    assert rows() == [("eu", 3, 0.0, 0)]


def test_what_was_read_says_the_same_as_what_was_written(db: None) -> None:
    record_traffic("eu", [NOW_MS] * 10)
    record_traffic("us", [NOW_MS] * 20)
    record_traffic("eu", [NOW_MS + 300_000] * 60)
    learned = read_learned()
    assert learned.weight(NOW_MS + WEEK_MS) < 1.0 < learned.weight(NOW_MS + WEEK_MS + 300_000)


def test_the_table_has_one_row_for_each_region_and_bin(db: None) -> None:
    for week in range(5):
        record_traffic("eu", range(NOW_MS + week * WEEK_MS, NOW_MS + (week + 1) * WEEK_MS, 300_000))
    assert TrafficBin.objects.count() == Bins().per_period


def test_the_ideal_line_follows_the_traffic_of_earlier_weeks(campaign: Campaign) -> None:
    """Four weeks in which mornings had three times the requests of afternoons."""
    midnight_ms = NOW_MS - 12 * 3_600_000
    for week in range(4, 0, -1):
        for at_ms in range(midnight_ms, midnight_ms + 86_400_000, 300_000):
            count = 3 if at_ms < NOW_MS else 1
            record_traffic("eu", [at_ms - week * WEEK_MS] * count)
    figures = selectors.campaign_day_figures(campaign.pk, NOW)
    assert figures is not None
    assert 600 < figures.ideal_micros(NOW) < 750


def test_the_ideal_line_is_flat_in_hours_that_are_off(campaign: Campaign) -> None:
    tuesday = 24
    hours = [tuesday + hour for hour in range(10, 14)]
    Targeting.objects.update_or_create(campaign=campaign, defaults={"hours": hours})
    figures = selectors.campaign_day_figures(campaign.pk, NOW)
    assert figures is not None
    assert figures.ideal_micros(NOW - timedelta(hours=3)) == 0
    assert figures.ideal_micros(NOW) == 500
    assert figures.ideal_micros(NOW + timedelta(hours=3)) == 1_000
