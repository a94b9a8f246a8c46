"""The series behind the chart of today's spend: cumulated ledger entries against the line of an even day."""

from __future__ import annotations

from typing import Any

from django.db import connection

from campaigns.console.figures import TodayFigures
from campaigns.models import Campaign
from rtbplatform.kernel.money import MICROS

POINTS_MAX = 288
"""Five minutes each on a calendar day."""


def series(campaign: Campaign, today: TodayFigures) -> dict[str, Any]:
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
    if xs[-1] < today.ends_ms / 1000:
        xs.append(today.ends_ms / 1000)
        values.append(None)
    length_s = (today.ends_ms - today.starts_ms) / 1000
    budget = today.budget_micros / MICROS
    even = [round(budget * (x - xs[0]) / length_s, 6) for x in xs]
    return {
        "x": xs,
        "series": [
            {"label": "Spent", "kind": "spend", "values": values},
            {"label": "Even day", "kind": "ideal", "values": even},
        ],
        "unit": campaign.currency,
        "tz": campaign.time_zone,
        "until": today.ends_ms / 1000,
    }


def _spent_by_bucket(campaign: Campaign, today: TodayFigures, step_ms: int) -> dict[int, int]:
    """Late entries of the day fall into the bucket in which they were posted, at most the last one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT greatest(0, floor((extract(epoch FROM posted_at) * 1000 - %s) / %s))::bigint AS bucket,
                -sum(amount_micros)::bigint
            FROM ledger_transaction
            WHERE advertiser_id = %s AND campaign_id = %s AND day = %s AND kind = 'spend'
            GROUP BY bucket
            """,
            [today.starts_ms, step_ms, campaign.advertiser_id, campaign.pk, today.day],
        )
        return dict(cursor.fetchall())
