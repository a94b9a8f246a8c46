"""The curves of campaigns' days: learned traffic where it is on sale to them. Read from Postgres, kept for a while."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from billing.escrow.sql import at_ms, fetch
from billing.pacing.bins import Bins
from billing.pacing.curve import DayCurve, day_curve
from billing.pacing.learned import Learned
from billing.pacing.traffic import bins, read_learned
from rtbplatform.kernel.day_parts import hour_of_week

LEARNED_FOR_MS = 300_000
CURVES_MAX = 2_000


class Hours(Struct, frozen=True):
    """When a campaign is on: its flight, and for own demand its hours of the week. Hashable: a key of curves."""

    time_zone: str
    flight: tuple[int, int] = (0, 0)
    """[from, until) in Unix ms; until = 0: open end."""
    hours: frozenset[int] = frozenset()
    """`kernel.day_parts.hour_of_week`; empty = always."""

    def is_on(self, at: int) -> bool:
        return not self.hours or hour_of_week(self.time_zone, at) in self.hours

    def within(self, starts_ms: int, ends_ms: int) -> Hours:
        """As far as it matters in a day, so that days without anything special share a curve."""
        opens, closes = self.flight
        flight = (opens if opens > starts_ms else 0, closes if 0 < closes < ends_ms else 0)
        return Hours(self.time_zone if self.hours else "", flight, self.hours)


def curve_of(bins_: Bins, learned: Learned, starts_ms: int, ends_ms: int, hours: Hours) -> DayCurve:
    """The curve of a budget day [starts_ms, ends_ms)."""
    return day_curve(bins_.tiles(starts_ms, ends_ms), learned.weight, hours.is_on, hours.flight)


class Curves:
    """Keeps curves for as long as what was learned: weights of a period do not change while it runs."""

    def __init__(self) -> None:
        self._learned: Learned | None = None
        self._read_ms = 0
        self._kept: dict[tuple[int, int, Hours], DayCurve] = {}

    def of(self, starts_ms: int, ends_ms: int, hours: Hours, now_ms: int) -> DayCurve:
        """Raises django.db.Error."""
        if self._learned is None or not 0 <= now_ms - self._read_ms < LEARNED_FOR_MS:
            self._learned, self._read_ms = read_learned(), now_ms
            self._kept.clear()
        key = (starts_ms, ends_ms, hours.within(starts_ms, ends_ms))
        curve = self._kept.get(key)
        if curve is None:
            if len(self._kept) >= CURVES_MAX:
                self._kept.clear()
            curve = self._kept[key] = curve_of(bins(), self._learned, *key)
        return curve


HOURS_COLUMNS = (
    "c.time_zone, c.starts_at, c.ends_at, CASE WHEN c.dsp_id IS NULL THEN t.hours ELSE '{}' END"
)
"""Of campaigns_campaign c and campaigns_targeting t; targeting narrows own demand only."""


def hours_of_row(zone: str, starts: datetime, ends: datetime | None, hours: list[int]) -> Hours:
    """A row of HOURS_COLUMNS."""
    return Hours(zone, (at_ms(starts), at_ms(ends) if ends else 0), frozenset(hours or ()))


def hours_of(campaigns: Collection[int]) -> dict[int, Hours]:
    """By campaign id. Raises django.db.Error."""
    rows = fetch(
        f"""
        SELECT c.id, {HOURS_COLUMNS} FROM campaigns_campaign c
        LEFT JOIN campaigns_targeting t ON t.campaign_id = c.id WHERE c.id = ANY(%s)
        """,  # noqa: S608 - a constant
        [list(campaigns)],
    )
    return {row[0]: hours_of_row(*row[1:]) for row in rows}
