"""Today's figures of campaigns as their pages show them, from `billing.selectors`: one query for any number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils import timezone

from billing.selectors import DayFigures, campaign_days_figures
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
    return {one.pk: _figures(one, days.get(one.pk), now) for one in campaigns}


def _figures(campaign: Campaign, day: DayFigures | None, now: datetime) -> TodayFigures:
    now_ms = _ms(now)
    asked = campaign.daily_budget_micros
    if day is None:
        number = calendar().day_of(campaign.time_zone, now_ms)
        starts_ms, ends_ms = calendar().interval(campaign.time_zone, number)
    else:
        number, starts_ms, ends_ms = day.day, _ms(day.starts_at), _ms(day.ends_at)
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
        out_micros=day.held_micros + day.leased_micros if day else 0,
        floor_micros=day.floor_micros if day else 0,
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
