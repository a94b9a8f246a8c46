"""Locks and writes the rows that escrow decisions are made over.

Everybody locks in one order, so that nobody waits in a circle: incarnations, balance scopes, total scopes,
campaign-days, region rows, each by key; a lease is guarded by its incarnation's lock. Settlement leaves the scopes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from billing.escrow.allocator import Demand
from billing.escrow.values import Book, Day, Key, Scope

DAY_COLUMNS: Final = (
    "advertiser_id, campaign_id, day, asked_micros, budget_micros, version, is_running, available_micros, "
    "allocated_micros, leased_micros, held_micros, settled_micros, quarantined_micros, written_off_micros, "
    "starts_at, ends_at, lease_no_high"
)


def at_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def day_of_row(row: tuple[Any, ...]) -> Day:
    """A row of DAY_COLUMNS."""
    return Day(
        advertiser=row[0],
        campaign=row[1],
        day=row[2],
        asked=row[3],
        budget=row[4],
        version=row[5],
        is_running=row[6],
        available=row[7],
        allocated=row[8],
        leased=row[9],
        held=row[10],
        settled=row[11],
        quarantined=row[12],
        written_off=row[13],
        starts_ms=at_ms(row[14]),
        ends_ms=at_ms(row[15]),
        lease_no_high=row[16],
    )


def fetch(sql: str, parameters: Collection[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def execute(sql: str, parameters: Collection[Any] = ()) -> int:
    """The number of rows that were written."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return int(cursor.rowcount)


def columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as columns, for `unnest`."""
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[]] * width


def lock_scopes(
    pairs: Collection[tuple[int, int]],
) -> tuple[dict[int, Scope], dict[tuple[int, int], Scope]]:
    """Balances by advertiser and totals by (advertiser, campaign), locked; made where they are missing."""
    wanted = [(advertiser, "balance", 0) for advertiser in {pair[0] for pair in pairs}]
    wanted += [(advertiser, "total", campaign) for advertiser, campaign in set(pairs)]
    wanted.sort(key=lambda scope: (scope[1], scope[0], scope[2]))
    arrays = columns(wanted, 3)
    sql = """
        SELECT advertiser_id, kind, campaign_id, committed_micros, limit_micros FROM escrow_scope
        WHERE (advertiser_id, kind, campaign_id) IN (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]))
        ORDER BY kind, advertiser_id, campaign_id FOR UPDATE
    """
    rows = fetch(sql, arrays)
    if len(rows) < len(wanted):
        # A balance starts with nothing: without a deposit nothing is spent. A total without a row has no limit yet.
        execute(
            """
            INSERT INTO escrow_scope (advertiser_id, kind, campaign_id, committed_micros, limit_micros, version)
            SELECT a, k, c, 0, CASE k WHEN 'balance' THEN 0 END, 0
            FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS wanted (a, k, c) ON CONFLICT DO NOTHING
            """,
            arrays,
        )
        rows = fetch(sql, arrays)
    balances = {row[0]: Scope(row[3], row[4]) for row in rows if row[1] == "balance"}
    totals = {(row[0], row[2]): Scope(row[3], row[4]) for row in rows if row[1] == "total"}
    return balances, totals


def lock_days(keys: Collection[Key]) -> dict[Key, Day]:
    """Campaign-days that exist, locked."""
    rows = fetch(
        f"""
        SELECT {DAY_COLUMNS} FROM escrow_campaign_day
        WHERE (advertiser_id, campaign_id, day) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]))
        ORDER BY advertiser_id, campaign_id, day FOR UPDATE
        """,  # noqa: S608 - a constant
        columns(sorted(set(keys)), 3),
    )
    return {(day := day_of_row(row)).key: day for row in rows}


class Region:
    """A region's row as it is changed within a transaction."""

    __slots__ = ("demand", "unleased")

    def __init__(self, unleased: int = 0, demand: Demand | None = None) -> None:
        self.unleased = unleased
        self.demand = demand or Demand()


def lock_regions(keys: Collection[Key], region: str | None = None) -> dict[tuple[Key, str], Region]:
    """Region rows of campaign-days (of one region, or all), locked. Rows that do not exist are left out."""
    rows = fetch(
        """
        SELECT advertiser_id, campaign_id, day, region, unleased_micros, demand_micros_s, asked_at
        FROM escrow_region_allocation
        WHERE (advertiser_id, campaign_id, day) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]))
            AND (%s::text IS NULL OR region = %s)
        ORDER BY advertiser_id, campaign_id, day, region FOR UPDATE
        """,
        [*columns(sorted(set(keys)), 3), region, region],
    )
    return {
        ((row[0], row[1], row[2]), row[3]): Region(
            row[4], Demand(row[5], at_ms(row[6]) if row[6] else 0)
        )
        for row in rows
    }


def save_scopes(books: Collection[Book]) -> None:
    """Limits and commitments of the books' scopes. Books of one advertiser must agree on its balance."""
    wanted = {("balance", book.day.advertiser, 0): book.balance for book in books}
    wanted |= {("total", book.day.advertiser, book.day.campaign): book.total for book in books}
    execute(
        """
        UPDATE escrow_scope SET committed_micros = new.committed
        FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) AS new (kind, advertiser, campaign, committed)
        WHERE escrow_scope.advertiser_id = new.advertiser AND escrow_scope.kind = new.kind
            AND escrow_scope.campaign_id = new.campaign AND committed_micros <> new.committed
        """,
        columns(((*key, scope.committed) for key, scope in wanted.items()), 4),
    )


def save_days(days: Iterable[Day]) -> None:
    """What coordinator and allocator may change of a campaign-day. Settled money is settlement's to change."""
    execute(
        """
        UPDATE escrow_campaign_day AS d SET asked_micros = n.asked, budget_micros = n.budget, version = n.version,
            is_running = n.running, available_micros = n.available, allocated_micros = n.allocated,
            leased_micros = n.leased, lease_no_high = n.high
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
            AS n (advertiser, campaign, day, asked, budget, version, running, available, allocated, leased, high)
        WHERE d.advertiser_id = n.advertiser AND d.campaign_id = n.campaign AND d.day = n.day
        """,
        columns(
            (
                (
                    *(*day.key, day.asked, day.budget, day.version, day.is_running),
                    *(day.available, day.allocated, day.leased, day.lease_no_high),
                )
                for day in days
            ),
            11,
        ),
    )


def save_regions(regions: Mapping[tuple[Key, str], Region]) -> None:
    """Makes rows that do not exist yet."""
    execute(
        """
        INSERT INTO escrow_region_allocation
            (advertiser_id, campaign_id, day, region, unleased_micros, demand_micros_s, asked_at)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[], %s::bigint[],
            %s::timestamptz[])
        ON CONFLICT (advertiser_id, campaign_id, day, region) DO UPDATE
            SET unleased_micros = excluded.unleased_micros, demand_micros_s = excluded.demand_micros_s,
                asked_at = excluded.asked_at
        """,
        columns(
            (
                (
                    *(*key, name, row.unleased, round(row.demand.micros_s)),
                    from_ms(row.demand.at_ms) if row.demand.at_ms else None,
                )
                for (key, name), row in regions.items()
            ),
            7,
        ),
    )
