"""Postgres as the store: what campaigns ask for against what is in force, and what is left to do about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.utils import timezone

from billing.escrow import allocator
from billing.escrow.alarms import raise_alarm
from billing.escrow.sql import columns, execute, fetch, from_ms
from billing.escrow.store import Asked
from billing.escrow.values import Day, Key
from billing.ledger.accounts import loss, prepaid
from billing.ledger.post import Draft, post
from rtbplatform.kernel.calendar import BudgetCalendar

_DIFFERENCES: Final = """
    SELECT asked.* FROM (
        SELECT c.advertiser_id, c.id, z.day, c.currency, z.starts_ms, z.ends_ms, c.daily_budget_micros,
            c.total_budget_micros, c.budget_version,
            (c.status = 'active' AND a.is_active AND NOT a.killed AND c.currency = a.currency
                AND c.starts_at <= greatest(%s, to_timestamp(z.starts_ms / 1000.0))
                AND (c.ends_at IS NULL OR c.ends_at > %s)
                AND NOT EXISTS (SELECT 1 FROM escrow_freeze f WHERE f.campaign_id = c.id AND f.confirmed_at IS NULL)
            ) AS running
        FROM campaigns_campaign c
        JOIN campaigns_advertiser a ON a.id = c.advertiser_id
        JOIN unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS z (zone, day, starts_ms, ends_ms)
            ON z.zone = c.time_zone
    ) AS asked
    LEFT JOIN escrow_campaign_day d
        ON d.advertiser_id = asked.advertiser_id AND d.campaign_id = asked.id AND d.day = asked.day
    LEFT JOIN escrow_scope t
        ON t.advertiser_id = asked.advertiser_id AND t.kind = 'total' AND t.campaign_id = asked.id
    WHERE (d.day IS NULL AND running) OR d.is_running <> running OR d.version < asked.budget_version
        OR (d.day IS NOT NULL AND coalesce(t.version, 0) < asked.budget_version)
    ORDER BY asked.advertiser_id, asked.id, asked.day
"""
_UNBALANCED: Final = """
    SELECT DISTINCT advertiser_id, campaign_id, day FROM (
        SELECT d.*, r.unleased_micros AS unleased,
            r.demand_micros_s * power(0.5, extract(epoch FROM %s - coalesce(r.asked_at, d.starts_at)) / %s) * %s
                AS target
        FROM escrow_campaign_day d JOIN escrow_region_allocation r USING (advertiser_id, campaign_id, day)
        WHERE NOT d.is_closed
    ) AS rows
    WHERE (unleased > 0 AND (NOT is_running OR budget_micros > asked_micros OR ends_at <= %s))
        OR (abs(target - unleased) * %s > target + 1 AND (unleased > target OR available_micros > 0))
    ORDER BY 1, 2, 3
"""


class BudgetRows:
    """See `EscrowStore`."""

    def __init__(self, calendar: BudgetCalendar | None = None) -> None:
        self._calendar = calendar or BudgetCalendar()

    def differences(self, now_ms: int, lead_ms: int) -> list[Asked]:
        days: list[tuple[str, int, int, int]] = []
        for (zone,) in fetch("SELECT DISTINCT time_zone FROM campaigns_campaign"):
            days += self._days_of(zone, now_ms, lead_ms)
        rows = fetch(_DIFFERENCES, [from_ms(now_ms), from_ms(now_ms), *columns(days, 4)])
        return [Asked(*row) for row in rows]

    def _days_of(self, zone: str, now_ms: int, lead_ms: int) -> list[tuple[str, int, int, int]]:
        """A zone's running day, and the next one shortly before it starts."""
        calendar = self._calendar
        today = calendar.day_of(zone, now_ms)
        days = [(zone, today, *calendar.interval(zone, today))]
        following = today + 1
        start, end = calendar.interval(zone, following)
        while start == end:  # a date that the zone skipped
            following += 1
            start, end = calendar.interval(zone, following)
        if start - now_ms <= lead_ms:
            days.append((zone, following, start, end))
        return days

    def set_totals(self, asked: Sequence[Asked]) -> None:
        execute(
            """
            UPDATE escrow_scope AS s SET limit_micros = n.total, version = n.version
            FROM (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]))
                AS n (advertiser, campaign, total, version)
            WHERE s.advertiser_id = n.advertiser AND s.kind = 'total' AND s.campaign_id = n.campaign
                AND s.version < n.version
            """,
            columns(((a.advertiser, a.campaign, a.total_micros, a.version) for a in asked), 4),
        )

    def unbalanced(self, now_ms: int, keep_s: float, tolerance: int) -> list[Key]:
        now = from_ms(now_ms)
        halflife_s = allocator.DEMAND_HALFLIFE_MS / 1000
        rows = fetch(_UNBALANCED, [now, halflife_s, keep_s, now, tolerance])
        return [(row[0], row[1], row[2]) for row in rows]

    def close_days(self, now_ms: int) -> int:
        return execute(
            """
            UPDATE escrow_campaign_day SET is_closed = true, is_running = false
            WHERE NOT is_closed AND ends_at <= %s AND allocated_micros = 0 AND leased_micros = 0
                AND held_micros = 0
            """,
            [from_ms(now_ms)],
        )

    def forgiving(self) -> list[Key]:
        # `coordinator.forgiven`, as SQL; the decision itself is made under locks.
        rows = fetch(
            """
            SELECT advertiser_id, campaign_id, day FROM escrow_campaign_day
            WHERE (excess_micros > 0 OR forgiven_micros > 0) AND forgiven_micros <> least(settled_micros,
                greatest(0, excess_micros - allocated_micros - leased_micros - held_micros - quarantined_micros
                    - written_off_micros))
            ORDER BY 1, 2, 3
            """
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def post_forgiven(self, day: Day, amount: int) -> None:
        draft = Draft(
            advertiser_id=day.advertiser,
            kind="loss",
            currency=day.currency,
            amount_micros=amount,
            lines=((loss(day.currency), amount), (prepaid(day.currency, day.advertiser), -amount)),
            campaign_id=day.campaign,
            day=day.day,
        )
        post([draft], timezone.now())

    def freeze(self, campaign: int, version: int, reason: str) -> bool:
        written = execute(
            """
            INSERT INTO escrow_freeze AS f (campaign_id, version, reason, frozen_at) VALUES (%s, %s, %s, now())
            ON CONFLICT (campaign_id) WHERE confirmed_at IS NULL
                DO UPDATE SET version = excluded.version, reason = excluded.reason WHERE f.version < excluded.version
            """,
            [campaign, version, reason],
        )
        return bool(written)

    def budget_versions(self, campaigns: Collection[int] | None = None) -> dict[int, int]:
        wanted = None if campaigns is None else list(campaigns)
        rows = fetch(
            "SELECT id, budget_version FROM campaigns_campaign WHERE %s::bigint[] IS NULL OR id = ANY(%s)",
            [wanted, wanted],
        )
        return {row[0]: row[1] for row in rows}

    def alarm(self, kind: str, subject: str, text: str) -> None:
        raise_alarm(kind, subject, text)
