"""Counts requests into bins, and reads what was learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.conf import settings

from billing.escrow.sql import columns, execute, fetch
from billing.pacing.bins import Bins
from billing.pacing.learned import PERIODS_KEPT, BinTraffic, Learned


def bins() -> Bins:
    """Those of this platform's days."""
    return Bins(settings.PLATFORM.budget_day_seconds)


def record_traffic(region: str, times_ms: Iterable[int]) -> None:
    """Adds requests seen at these times (Unix ms) in one statement; of a period that is over already, nothing.

    Call it inside the settling transaction, last of all its locks: rows are locked in key order until it commits.
    Raises django.db.Error.
    """
    its = bins()
    counts = Counter(its.place(at_ms) for at_ms in times_ms)
    newest: dict[int, tuple[int, int]] = {}
    for (period, place), count in counts.items():
        newest[place] = max(newest.get(place, (period, count)), (period, count))
    rows = [(place, period, count) for place, (period, count) in sorted(newest.items())]
    if not rows:
        return
    execute(
        """
        INSERT INTO pacing_traffic AS t (day_seconds, region, bin, period, requests, mean, periods)
        SELECT %s, %s, n.*, 0, 0 FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS n
        ON CONFLICT (day_seconds, region, bin) DO UPDATE SET
            mean = CASE WHEN t.period < excluded.period
                THEN t.mean + (t.requests - t.mean) / least(t.periods + 1, %s) ELSE t.mean END,
            periods = CASE WHEN t.period < excluded.period
                THEN least(t.periods + 1, %s) ELSE t.periods END,
            requests = CASE WHEN t.period < excluded.period
                THEN excluded.requests ELSE t.requests + excluded.requests END,
            period = excluded.period
        WHERE t.period <= excluded.period
        """,
        [its.day_seconds, region, *columns(rows, 3), PERIODS_KEPT, PERIODS_KEPT],
    )


def read_learned() -> Learned:
    """Over all regions: a campaign's money may be spent in any of them. Raises django.db.Error."""
    its = bins()
    rows = fetch(
        "SELECT bin, period, requests, mean, periods FROM pacing_traffic WHERE day_seconds = %s",
        [its.day_seconds],
    )
    seen: dict[int, BinTraffic] = {}
    for place, *values in rows:
        one = BinTraffic(*values)
        seen[place] = seen[place].plus(one) if place in seen else one
    return Learned(its, seen)
