"""The series behind the chart of today's spend: cumulated ledger entries against the line that pacing follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from billing.pacing.curve import DayCurve, spent_part
from billing.selectors import spend_series
from campaigns.console.figures import TodayFigures
from campaigns.models import Campaign
from rtbplatform.kernel.money import MICROS

POINTS_MAX = 288
"""Five minutes each on a calendar day."""


def series(campaign: Campaign, today: TodayFigures, curve: DayCurve) -> dict[str, Any]:
    """What static/js/chart.js draws. Amounts are currency units for the axis, not for sums."""
    step_ms = max(1000, -(-(today.ends_ms - today.starts_ms) // POINTS_MAX))
    spent = _spent_by_bucket(campaign, today, step_ms)
    xs: list[float] = [today.starts_ms / 1000]
    values: list[float | None] = [0.0]
    total = 0
    for bucket in range((today.now_ms - today.starts_ms) // step_ms + 1):
        total += spent.get(bucket, 0)
        xs.append(min(today.now_ms, today.starts_ms + (bucket + 1) * step_ms) / 1000)
        values.append(total / MICROS)
    # The line is drawn to the day's end.
    for at_ms in range(today.now_ms + step_ms, today.ends_ms, step_ms):
        xs.append(at_ms / 1000)
        values.append(None)
    if xs[-1] < today.ends_ms / 1000:
        xs.append(today.ends_ms / 1000)
        values.append(None)
    budget = today.budget_micros / MICROS
    mode, label = _LINES[campaign.pacing]
    line = [round(budget * spent_part(mode, curve.part(round(x * 1000))), 6) for x in xs]
    return {
        "x": xs,
        "series": [
            {"label": "Spent", "kind": "spend", "values": values},
            {"label": label, "kind": "ideal", "values": line},
        ],
        "unit": campaign.currency,
        "tz": campaign.time_zone,
        "until": today.ends_ms / 1000,
    }


_LINES = {
    "even": ("even", "Even day"),
    "ahead": ("ahead", "Ahead of the day"),
    "asap": ("even", "Even day"),
}
"""Pacing to the line drawn; who spends as soon as possible is shown an even day to compare with."""


def _spent_by_bucket(campaign: Campaign, today: TodayFigures, step_ms: int) -> dict[int, int]:
    since = datetime.fromtimestamp(today.starts_ms / 1000, UTC)
    until = datetime.fromtimestamp(today.ends_ms / 1000, UTC)
    step = timedelta(milliseconds=step_ms)
    rows = spend_series(campaign.pk, since, until, step)
    return {(row.starts_at - since) // step: row.amount_micros for row in rows}
