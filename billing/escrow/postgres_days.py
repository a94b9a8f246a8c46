"""Postgres as the store: balance and total scopes, campaign-days, region rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from billing.escrow.allocator import Demand
from billing.escrow.sql import at_ms, columns, execute, fetch, from_ms
from billing.escrow.store import Region
from billing.escrow.values import Book, Day, Key, Scope

DAY_AMOUNTS: Final = (
    "available",
    "allocated",
    "leased",
    "held",
    "settled",
    "quarantined",
    "written_off",
    "unknown",
    "excess",
    "forgiven",
    "late",
)
"""Fields of `Day` whose column is called the same with _micros behind it."""
_HEAD: Final = (
    "advertiser_id, campaign_id, day, currency, starts_at, ends_at, is_running, is_closed, asked_micros, "
    "budget_micros, version, lease_no_high, "
)
DAY_COLUMNS: Final = _HEAD + ", ".join(f"{name}_micros" for name in DAY_AMOUNTS)
_DAY_TYPES: Final = (
    *("bigint", "bigint", "int", "text", "timestamptz", "timestamptz", "bool", "bool"),
    *["bigint"] * (4 + len(DAY_AMOUNTS)),
)
_SAVE_DAYS: Final = f"""
    INSERT INTO escrow_campaign_day ({DAY_COLUMNS})
    SELECT * FROM unnest({", ".join(f"%s::{name}[]" for name in _DAY_TYPES)})
    ON CONFLICT (advertiser_id, campaign_id, day) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in DAY_COLUMNS.split(", ")[6:])}
"""  # noqa: S608 - constants


def _day(row: tuple[Any, ...]) -> Day:
    """A row of DAY_COLUMNS."""
    return Day(
        advertiser=row[0],
        campaign=row[1],
        day=row[2],
        currency=row[3],
        starts_ms=at_ms(row[4]),
        ends_ms=at_ms(row[5]),
        is_running=row[6],
        is_closed=row[7],
        asked=row[8],
        budget=row[9],
        version=row[10],
        lease_no_high=row[11],
        **dict(zip(DAY_AMOUNTS, row[12:], strict=True)),
    )


def _row(day: Day) -> tuple[Any, ...]:
    return (
        *(*day.key, day.currency, from_ms(day.starts_ms), from_ms(day.ends_ms)),
        *(day.is_running, day.is_closed, day.asked, day.budget, day.version, day.lease_no_high),
        *(getattr(day, name) for name in DAY_AMOUNTS),
    )


class DayRows:
    """See `EscrowStore`."""

    def lock_scopes(
        self, pairs: Collection[tuple[int, int]]
    ) -> tuple[dict[int, Scope], dict[tuple[int, int], Scope]]:
        wanted = [(advertiser, "balance", 0) for advertiser in {pair[0] for pair in pairs}]
        wanted += [(advertiser, "total", campaign) for advertiser, campaign in set(pairs)]
        wanted.sort(key=lambda scope: (scope[1], scope[0], scope[2]))
        arrays = columns(wanted, 3)
        sql = """
            SELECT advertiser_id, kind, campaign_id, committed_micros, limit_micros FROM escrow_scope
            WHERE (advertiser_id, kind, campaign_id) IN
                (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]))
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

    def save_scopes(self, books: Collection[Book]) -> None:
        wanted = {("balance", book.day.advertiser, 0): book.balance for book in books}
        wanted |= {("total", book.day.advertiser, book.day.campaign): book.total for book in books}
        execute(
            """
            UPDATE escrow_scope SET committed_micros = new.committed
            FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
                AS new (kind, advertiser, campaign, committed)
            WHERE escrow_scope.advertiser_id = new.advertiser AND escrow_scope.kind = new.kind
                AND escrow_scope.campaign_id = new.campaign AND committed_micros <> new.committed
            """,
            columns(((*key, scope.committed) for key, scope in wanted.items()), 4),
        )

    def lock_days(self, keys: Collection[Key]) -> dict[Key, Day]:
        rows = fetch(
            f"""
            SELECT {DAY_COLUMNS} FROM escrow_campaign_day
            WHERE (advertiser_id, campaign_id, day) IN
                (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]))
            ORDER BY advertiser_id, campaign_id, day FOR UPDATE
            """,  # noqa: S608 - a constant
            columns(sorted(set(keys)), 3),
        )
        return {(day := _day(row)).key: day for row in rows}

    def save_days(self, days: Iterable[Day]) -> None:
        rows = [_row(day.check()) for day in days]
        if rows:
            execute(_SAVE_DAYS, columns(rows, len(_DAY_TYPES)))

    def lock_regions(
        self, keys: Collection[Key], region: str | None = None
    ) -> dict[tuple[Key, str], Region]:
        rows = fetch(
            """
            SELECT advertiser_id, campaign_id, day, region, unleased_micros, demand_micros_s, asked_at
            FROM escrow_region_allocation
            WHERE (advertiser_id, campaign_id, day) IN
                    (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]))
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

    def save_regions(self, regions: Mapping[tuple[Key, str], Region]) -> None:
        if not regions:
            return
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
                    for (key, name), row in sorted(regions.items(), key=lambda one: one[0])
                ),
                7,
            ),
        )
