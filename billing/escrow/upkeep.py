"""The coordinator's tick: opens campaign-days, brings changed budgets and statuses into force, moves unleased money.

It compares what is asked for (campaigns) with what is in force (campaign-days) instead of trusting news: a lost or
repeated message cannot make them differ for longer than a tick. Several treasuries may run it: rows are locked, and
every step says what to do again when it is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from msgspec import Struct

from billing.escrow import allocator, coordinator
from billing.escrow.repository import (
    columns,
    execute,
    fetch,
    from_ms,
    lock_days,
    lock_regions,
    lock_scopes,
    save_days,
    save_regions,
    save_scopes,
)
from billing.escrow.values import Book, Key
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import ProtocolTimes

BATCH = 200


class Asked(Struct, frozen=True):
    """What a campaign asks for on one of its days."""

    advertiser: int
    campaign: int
    day: int
    currency: str
    starts_ms: int
    ends_ms: int
    daily_micros: int
    total_micros: int | None
    version: int
    is_running: bool

    @property
    def key(self) -> Key:
        return self.advertiser, self.campaign, self.day


def tick(calendar: BudgetCalendar, times: ProtocolTimes, now_ms: int) -> dict[str, int]:
    """One round; returns how many campaign-days each step wrote. Raises django.db.Error."""
    changed = reconcile(calendar, times, now_ms)
    moved = rebalance(times, now_ms)
    return {"reconciled": changed, "rebalanced": moved, "closed": close_days(now_ms)}


def reconcile(calendar: BudgetCalendar, times: ProtocolTimes, now_ms: int) -> int:
    """Opens today's campaign-days, and the next ones shortly before they start; applies changed budgets and statuses."""
    wanted = find_differences(calendar, now_ms, times.lease_term_ms)
    for start in range(0, len(wanted), BATCH):
        _apply(wanted[start : start + BATCH])
    return len(wanted)


def find_differences(calendar: BudgetCalendar, now_ms: int, lead_ms: int) -> list[Asked]:
    """Campaign-days whose row is missing or does not say what the campaign asks for."""
    zones = [row[0] for row in fetch("SELECT DISTINCT time_zone FROM campaigns_campaign")]
    days: list[tuple[str, int, int, int]] = []
    for zone in zones:
        today = calendar.day_of(zone, now_ms)
        days.append((zone, today, *calendar.interval(zone, today)))
        following = today + 1
        start, end = calendar.interval(zone, following)
        while start == end:  # a date that the zone skipped
            following += 1
            start, end = calendar.interval(zone, following)
        if start - now_ms <= lead_ms:
            days.append((zone, following, start, end))
    rows = fetch(_DIFFERENCES, [from_ms(now_ms), from_ms(now_ms), *columns(days, 4)])
    return [Asked(*row) for row in rows]


_DIFFERENCES = """
    SELECT asked.* FROM (
        SELECT c.advertiser_id, c.id, z.day, c.currency, z.starts_ms, z.ends_ms, c.daily_budget_micros,
            c.total_budget_micros, c.budget_version,
            (c.status = 'active' AND a.is_active AND NOT a.killed AND c.currency = a.currency
                AND c.starts_at <= greatest(%s, to_timestamp(z.starts_ms / 1000.0))
                AND (c.ends_at IS NULL OR c.ends_at > %s)) AS running
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


@transaction.atomic
def _apply(wanted: list[Asked]) -> None:
    pairs = [asked.key[:2] for asked in wanted]
    lock_scopes(pairs)
    _set_totals(wanted)
    _open_missing(wanted)
    days = lock_days([asked.key for asked in wanted])
    for asked in wanted:
        day = coordinator.change_budget(days[asked.key], asked.daily_micros, asked.version)
        days[asked.key] = coordinator.set_running(day, is_running=asked.is_running)
    save_days(days.values())
    # A cut or a pause takes back what regions have not leased at once: the effective floor is without it.
    _return_unleased(key for key, day in days.items() if day.is_over or not day.is_running)


def _set_totals(wanted: list[Asked]) -> None:
    execute(
        """
        UPDATE escrow_scope AS s SET limit_micros = n.total, version = n.version
        FROM (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]))
            AS n (advertiser, campaign, total, version)
        WHERE s.advertiser_id = n.advertiser AND s.kind = 'total' AND s.campaign_id = n.campaign
            AND s.version < n.version
        """,
        columns(((a.advertiser, a.campaign, a.total_micros, a.version) for a in wanted), 4),
    )


def _open_missing(wanted: list[Asked]) -> None:
    execute(
        """
        INSERT INTO escrow_campaign_day (advertiser_id, campaign_id, day, currency, starts_at, ends_at, is_running,
            is_closed, asked_micros, budget_micros, version, available_micros, lease_no_high, allocated_micros,
            leased_micros, held_micros, settled_micros, quarantined_micros, written_off_micros, unknown_micros,
            late_micros, excess_micros, forgiven_micros)
        SELECT a, c, day, currency, s, e, running, false, asked, asked, version, asked, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[],
            %s::bool[], %s::bigint[], %s::bigint[]) AS n (a, c, day, currency, s, e, running, asked, version)
        ON CONFLICT DO NOTHING
        """,
        columns((_opened(asked) for asked in wanted), 9),
    )


def _opened(asked: Asked) -> tuple[Any, ...]:
    day = coordinator.open_day(
        *asked.key,
        asked=asked.daily_micros,
        version=asked.version,
        starts_ms=asked.starts_ms,
        ends_ms=asked.ends_ms,
        is_running=asked.is_running,
    )
    starts, ends = from_ms(day.starts_ms), from_ms(day.ends_ms)
    return (*day.key, asked.currency, starts, ends, day.is_running, day.asked, day.version)


def rebalance(times: ProtocolTimes, now_ms: int) -> int:
    """Spreads unleased money over regions by demand; takes back what must return. Returns campaign-days locked."""
    rows = fetch(
        _UNBALANCED,
        [
            from_ms(now_ms),
            allocator.DEMAND_HALFLIFE_MS / 1000,
            allocator.KEEP_TERMS * times.lease_term_ms / 1000,
            from_ms(now_ms),
            allocator.TOLERANCE,
        ],
    )
    for start in range(0, len(rows), BATCH):
        _spread([(row[0], row[1], row[2]) for row in rows[start : start + BATCH]], times, now_ms)
    return len(rows)


# Without locks: which campaign-days `allocator.spread` would change. The decision itself is made under locks.
_UNBALANCED = """
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


@transaction.atomic
def _return_unleased(keys: Iterable[Key]) -> None:
    _spread(list(keys), ProtocolTimes(), 0)


@transaction.atomic
def _spread(keys: list[Key], times: ProtocolTimes, now_ms: int) -> None:
    if not keys:
        return
    balances, totals = lock_scopes([key[:2] for key in keys])
    days = lock_days(keys)
    regions = lock_regions(keys)
    before = dict(days)
    for key, day in days.items():
        is_running = day.is_running and now_ms < day.ends_ms
        rows = {name: row for (row_key, name), row in regions.items() if row_key == key}
        rates = {
            name: row.demand.now(now_ms, allocator.DEMAND_HALFLIFE_MS) for name, row in rows.items()
        }
        unleased = {name: row.unleased for name, row in rows.items()}
        book = Book(
            coordinator.set_running(day, is_running=is_running),
            balances[key[0]],
            totals[key[:2]],
        )
        book, after = allocator.spread(book, unleased, rates, times.lease_term_ms)
        days[key], balances[key[0]], totals[key[:2]] = book.day, book.balance, book.total
        for name, amount in after.items():
            rows[name].unleased = amount
    changed = [key for key in days if days[key] != before[key]]
    save_scopes([Book(days[key], balances[key[0]], totals[key[:2]]) for key in changed])
    save_days(days[key] for key in changed)
    save_regions({place: row for place, row in regions.items() if place[0] in set(changed)})


def close_days(now_ms: int) -> int:
    """Marks days that are over and have nothing out any more, so that ticks leave them alone."""
    return execute(
        """
        UPDATE escrow_campaign_day SET is_closed = true, is_running = false
        WHERE NOT is_closed AND ends_at <= %s AND allocated_micros = 0 AND leased_micros = 0 AND held_micros = 0
        """,
        [from_ms(now_ms)],
    )
