"""Today's figures of campaigns as their pages show them, from `billing.selectors`: one query for any number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils import timezone

from billing.pacing.curve import DayCurve, spent_part
from billing.selectors import DayFigures, campaign_days_figures, day_curves
from campaigns.console.figures import TodayFigures
from campaigns.models import Campaign
from rtbplatform.kernel.calendar import BudgetCalendar


@cache
def calendar() -> BudgetCalendar:
    return BudgetCalendar(settings.PLATFORM.budget_day_seconds)


def today_of(campaigns: Sequence[Campaign]) -> dict[int, TodayFigures]:
    """By campaign id. A campaign whose day is not open yet has its whole budget before it."""
    now = timezone.now()
    days = campaign_days_figures([one.pk for one in campaigns], now)
    unopened = {one.pk: _interval(one, now)[1:] for one in campaigns if one.pk not in days}
    curves = {pk: day.curve for pk, day in days.items()} | day_curves(unopened, now)
    return {one.pk: _figures(one, days.get(one.pk), curves[one.pk], now) for one in campaigns}


def curve_today(campaign: Campaign) -> DayCurve:
    """The traffic that pacing expects of the campaign's current day."""
    now = timezone.now()
    _, starts_ms, ends_ms = _interval(campaign, now)
    return day_curves({campaign.pk: (starts_ms, ends_ms)}, now)[campaign.pk]


def _interval(campaign: Campaign, now: datetime) -> tuple[int, int, int]:
    """(day, start, end) of the campaign's current day."""
    number = calendar().day_of(campaign.time_zone, _ms(now))
    return number, *calendar().interval(campaign.time_zone, number)


def _figures(
    campaign: Campaign, day: DayFigures | None, curve: DayCurve, now: datetime
) -> TodayFigures:
    now_ms = _ms(now)
    asked = campaign.daily_budget_micros
    if day is None:
        number, starts_ms, ends_ms = _interval(campaign, now)
    else:
        number, starts_ms, ends_ms = day.day, _ms(day.starts_at), _ms(day.ends_at)
    mode = "even" if campaign.pacing == "asap" else campaign.pacing
    return TodayFigures(
        campaign=campaign.pk,
        day=number,
        label=calendar().label(number),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        now_ms=now_ms,
        asked_micros=asked,
        budget_micros=day.budget_micros if day else asked,
        spent_micros=day.spent_micros if day else 0,
        held_micros=day.held_micros if day else 0,
        out_micros=day.held_micros + day.leased_micros if day else 0,
        floor_micros=day.floor_micros if day else 0,
        due_part=spent_part(mode, curve.part(now_ms)),
        traffic_part=curve.part(now_ms),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
