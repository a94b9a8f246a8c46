"""`billing.escrow.store.EscrowStore` in memory: the model that Postgres's store is held against, and the simulator's.

One treasury's view of the shared database. Its `Wire` says whether Postgres can be reached now, and is where crashes
strike; there is one thread, so that every lock is free.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy

from django.db import IntegrityError
from msgspec.structs import replace

from billing.escrow import allocator, coordinator
from billing.escrow.store import Asked
from billing.escrow.values import (
    Day,
    Hold,
    Incarnation,
    Key,
    Scope,
)
from tests.simulation.database import Campaign
from tests.simulation.memory_rows import MemoryRows


class MemoryEscrow(MemoryRows):
    """All of EscrowStore."""

    def differences(self, now_ms: int, lead_ms: int) -> list[Asked]:
        self._wire.reach()
        db = self.db
        found: list[Asked] = []
        for campaign in db.campaigns.values():
            for day, starts_ms, ends_ms in self._days_near(campaign.zone, now_ms, lead_ms):
                asked = self._asked(campaign, day, starts_ms, ends_ms)
                if self._differs(asked):
                    found.append(asked)
        return sorted(found, key=lambda one: one.key)

    def set_totals(self, asked: Sequence[Asked]) -> None:
        db = self.db
        for one in asked:
            place = one.key[:2]
            if place in db.totals and db.total_versions.get(place, 0) < one.version:
                self._put(db.totals, place, Scope(db.totals[place].committed, one.total_micros))
                self._put(db.total_versions, place, one.version)

    def unbalanced(self, now_ms: int, keep_s: float, tolerance: int) -> list[Key]:
        self._wire.reach()
        found: set[Key] = set()
        for (key, _), (unleased, demand) in self.db.regions.items():
            day: Day = self.db.days[key]
            if day.is_closed:
                continue
            since_ms = now_ms - (demand.at_ms or day.starts_ms)
            target = demand.micros_s * 0.5 ** (since_ms / allocator.DEMAND_HALFLIFE_MS) * keep_s
            must = not day.is_running or day.is_over or day.ends_ms <= now_ms
            differs = abs(target - unleased) * tolerance > target + 1
            if (unleased > 0 and must) or (differs and (unleased > target or day.available > 0)):
                found.add(key)
        return sorted(found)

    def close_days(self, now_ms: int) -> int:
        self._wire.reach()
        closed = [
            day
            for day in self.db.days.values()
            if not day.is_closed and coordinator.may_close(day, now_ms)
        ]
        if closed:
            with self.transaction():
                for day in closed:
                    self._put(self.db.days, day.key, replace(day, is_closed=True, is_running=False))
        return len(closed)

    def forgiving(self) -> list[Key]:
        self._wire.reach()
        days = self.db.days.values()
        return sorted(day.key for day in days if coordinator.forgiven(day) != day.forgiven)

    def post_forgiven(self, day: Day, amount: int) -> None:
        self.db.add(self.db.forgiven, day.key, amount)

    def freeze(self, campaign: int, version: int, reason: str) -> bool:
        if self.db.freezes.get(campaign, 0) >= version:
            return False
        self._put(self.db.freezes, campaign, version)
        return True

    def budget_versions(self, campaigns: Collection[int] | None = None) -> dict[int, int]:
        known = self.db.campaigns
        named = known if campaigns is None else campaigns
        return {one: known[one].version for one in named if one in known}

    def due_holds(self, now_ms: int, limit: int) -> int:
        self._wire.reach()
        return min(limit, len(self._due(now_ms)))

    def mark_due_holds(self, mark: int, now_ms: int) -> int:
        due = self._due(now_ms)
        for hold in due:
            self._put(self.db.holds, (hold.debit_id, hold.imp), replace(hold, mark=mark))
        return len(due)

    def holds_to_release(self, settled_mark: int, limit: int) -> list[Hold]:
        self._wire.reach()
        holds = [self.db.holds[key] for key in self.db.held]
        due = [copy(one) for one in holds if one.mark is not None and one.mark <= settled_mark]
        return sorted(due, key=lambda one: (one.mark or 0, one.key, one.debit_id, one.imp))[:limit]

    def holds(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], Hold]:
        imps, holds = self.db.imps, self.db.holds
        return {
            (debit_id, imp): copy(holds[debit_id, imp])
            for debit_id in set(debit_ids)
            for imp in imps.get(debit_id, ())
        }

    def quarantines(self) -> list[Incarnation]:
        found = [
            copy(one)
            for one in self.db.incarnations.values()
            if one.state == "quarantined" and one.quarantine_mark is not None
        ]
        return sorted(found, key=lambda one: one.id)

    def holds_blocked_by(self, incarnation: bytes) -> list[Hold]:
        return [
            copy(one)
            for one in self.db.holds.values()
            if one.state == "quarantined" and one.blocked_by == incarnation
        ]

    def save_holds(self, holds: Collection[Hold]) -> None:
        for hold in holds:
            key, after = (hold.debit_id, hold.imp), copy(hold)
            if min(after.captured, after.late) < 0:
                raise IntegrityError("hold_not_negative")
            if not after.due_ms:
                after.due_ms = self.db.now_ms() + after.horizon_ms
            if key not in self.db.holds:
                imps = self.db.imps.get(hold.debit_id, ())
                self._put(self.db.imps, hold.debit_id, (*imps, hold.imp))
            self._put(self.db.holds, key, after)
            if after.state == "held":
                self._put(self.db.held, key, True)
            else:
                self.db.tables.delete(self.db.held, key)

    def alarm(self, kind: str, subject: str, text: str) -> None:
        if self.db.tables.is_open:
            self._put(self.db.alarms, (kind, subject), text)
        else:
            with self.transaction():
                self._put(self.db.alarms, (kind, subject), text)

    def _due(self, now_ms: int) -> list[Hold]:
        holds = [self.db.holds[key] for key in self.db.held]
        return [one for one in holds if one.mark is None and one.due_ms <= now_ms]

    def _days_near(self, zone: str, now_ms: int, lead_ms: int) -> list[tuple[int, int, int]]:
        """Today, and the next day when it starts soon; dates that the zone skipped are empty."""
        day = self._calendar.day_of(zone, now_ms)
        near = [(day, *self._calendar.interval(zone, day))]
        day += 1
        start, end = self._calendar.interval(zone, day)
        while start == end:
            day += 1
            start, end = self._calendar.interval(zone, day)
        if start - now_ms <= lead_ms:
            near.append((day, start, end))
        return near

    def _asked(self, campaign: Campaign, day: int, starts_ms: int, ends_ms: int) -> Asked:
        return Asked(
            *(campaign.advertiser, campaign.id, day, campaign.currency, starts_ms, ends_ms),
            *(campaign.daily, campaign.total, campaign.version),
            is_running=campaign.is_active and campaign.id not in self.db.freezes,
        )

    def _differs(self, asked: Asked) -> bool:
        day: Day | None = self.db.days.get(asked.key)
        if day is None:
            return asked.is_running
        total_version = self.db.total_versions.get(asked.key[:2], 0)
        return (
            day.is_running != asked.is_running
            or day.version < asked.version
            or total_version < asked.version
        )
