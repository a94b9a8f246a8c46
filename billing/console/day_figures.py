"""Today's figures of campaigns, from escrow's rows: two queries at most for any number of campaigns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

from django.conf import settings
from django.db.models import Q

from billing.escrow.models import CampaignDay
from campaigns.console.figures import TodayFigures
from campaigns.models import Campaign
from rtbplatform.kernel.calendar import BudgetCalendar


@cache
def calendar() -> BudgetCalendar:
    return BudgetCalendar(settings.PLATFORM.budget_day_seconds)


def today_of(campaigns: Sequence[Campaign]) -> dict[int, TodayFigures]:
    """By campaign id. A campaign without a row yet has its whole budget before it."""
    now_ms = time.time_ns() // 1_000_000
    days = {one.pk: calendar().day_of(one.time_zone, now_ms) for one in campaigns}
    rows = _rows(campaigns, days)
    return {one.pk: _figures(one, days[one.pk], rows.get(one.pk), now_ms) for one in campaigns}


def _rows(campaigns: Sequence[Campaign], days: dict[int, int]) -> dict[int, CampaignDay]:
    """One condition per distinct day: few, as time zones span at most three."""
    wanted = Q()
    for day in set(days.values()):
        ids = [one.pk for one in campaigns if days[one.pk] == day]
        advertisers = {one.advertiser_id for one in campaigns if days[one.pk] == day}
        wanted |= Q(advertiser_id__in=advertisers, campaign_id__in=ids, day=day)
    return {row.campaign_id: row for row in CampaignDay.objects.filter(wanted)} if days else {}


def _figures(campaign: Campaign, day: int, row: CampaignDay | None, now_ms: int) -> TodayFigures:
    starts_ms, ends_ms = calendar().interval(campaign.time_zone, day)
    asked = campaign.daily_budget_micros
    out = row.leased_micros + row.held_micros if row else 0
    spent = row.settled_micros if row else 0
    stuck = row.quarantined_micros + row.written_off_micros if row else 0
    return TodayFigures(
        campaign=campaign.pk,
        day=day,
        label=calendar().label(day),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        now_ms=now_ms,
        asked_micros=asked,
        budget_micros=row.budget_micros if row else asked,
        spent_micros=spent,
        out_micros=out,
        floor_micros=spent + out + stuck,
    )
