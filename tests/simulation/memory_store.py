"""`billing.escrow.store.EscrowStore` in memory: the model that Postgres's store is held against, and the simulator's.

One treasury's view of the shared database. Its `Wire` says whether Postgres can be reached now, and is where crashes
strike; there is one thread, so that every lock is free.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Protocol

from django.db import IntegrityError
from msgspec.structs import replace

from billing.escrow import allocator, coordinator
from billing.escrow.store import Asked, Region
from billing.escrow.values import (
    Book,
    Census,
    Day,
    Gate,
    Hold,
    Incarnation,
    Key,
    LeaseState,
    Scope,
)
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import Lease
from tests.simulation.database import Campaign, Database, LeaseFacts

MAIL_MAX = 500


class Wire(Protocol):
    """The way to Postgres."""

    def reach(self) -> None:
        """Before a transaction or a look: raises OperationalError when there is no way."""

    def commits(self) -> None:
        """Before a commit: raises OperationalError; then nothing of it happened."""

    def committed(self) -> None:
        """After it: raises OperationalError when the answer does not come."""


class MemoryEscrow:
    """All of EscrowStore."""

    def __init__(self, db: Database, wire: Wire, calendar: BudgetCalendar) -> None:
        self.db = db
        self._wire = wire
        self._calendar = calendar
        self._put = db.tables.put

    def transaction(self) -> MemoryEscrow:
        """Itself: a with statement over it is a transaction."""
        return self

    def __enter__(self) -> None:
        self._wire.reach()
        self.db.tables.begin()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        tables = self.db.tables
        if kind is not None:
            tables.rollback()
            return
        try:
            self._wire.commits()
            if tables.has_written:
                self.db.on_commit(tables.written())
        except BaseException:
            tables.rollback()
            raise
        tables.commit(self.db.now_ms() - self.db.offset_ms)
        self._wire.committed()

    def now_ms(self) -> int:
        return self.db.now_ms()

    def server(self) -> str:
        self._wire.reach()
        return self.db.server()

    def gate(self) -> Gate:
        newest = self.db.newest_census()
        if newest is None:
            return Gate(0, is_open=False)
        return Gate(newest.no, newest.is_complete and newest.server == self.db.server())

    def lock_census(self) -> Census | None:
        newest = self.db.newest_census()
        return None if newest is None else _census(newest)

    def open_census(self, server: str) -> Census:
        no = max(self.db.marks.get(None, 0) + 1, self.db.now_ms() << 20) + self.db.random_bits(20)
        self._put(self.db.marks, None, no)
        self._put(self.db.censuses, no, Census(no, server))
        return Census(no, server, set())

    def save_census(self, census: Census) -> None:
        self._put(self.db.censuses, census.no, _census(census))

    def newest_mark(self) -> int:
        mark: int = self.db.marks.get(None, 0)
        return mark

    def insert_mark(self) -> int:
        mark = self.newest_mark() + 1
        self._put(self.db.marks, None, mark)
        return mark

    def lock_incarnations(
        self, ids: Collection[bytes], *, exclusive: bool
    ) -> dict[bytes, Incarnation]:
        known = self.db.incarnations
        return {one: copy(known[one]) for one in sorted(set(ids)) if one in known}

    def insert_incarnation(self, new: Incarnation) -> bool:
        if new.id in self.db.incarnations:
            return False
        self._put(self.db.incarnations, new.id, copy(new))
        return True

    def save_incarnation(self, changed: Incarnation) -> None:
        if self.db.incarnations[changed.id].seq != changed.seq:
            self._put(self.db.grown, changed.id, self.db.now_ms())
        self._put(self.db.incarnations, changed.id, copy(changed))

    def unclosed(self, region: str | None = None) -> list[Incarnation]:
        found = [
            copy(one)
            for one in self.db.incarnations.values()
            if not one.is_done and region in {None, one.region}
        ]
        return sorted(found, key=lambda one: one.id)

    def knows_region(self, region: str) -> bool:
        self._wire.reach()
        return any(one.region == region for one in self.db.incarnations.values())

    def recent(self, region: str, since_ms: int) -> list[Incarnation]:
        self._wire.reach()
        found = [
            copy(one)
            for one in self.db.incarnations.values()
            if one.region == region
            and (one.state != "closed" or self.db.grown.get(one.id, 0) >= since_ms)
        ]
        return sorted(found, key=lambda one: one.id)

    def lock_scopes(
        self, pairs: Collection[tuple[int, int]]
    ) -> tuple[dict[int, Scope], dict[tuple[int, int], Scope]]:
        db = self.db
        for advertiser, campaign in pairs:
            if advertiser not in db.balances:
                self._put(db.balances, advertiser, Scope(0, 0))
            if (advertiser, campaign) not in db.totals:
                self._put(db.totals, (advertiser, campaign), Scope(0, None))
        balances = {pair[0]: db.balances[pair[0]] for pair in pairs}
        return balances, {tuple(pair): db.totals[pair] for pair in pairs}  # type: ignore[misc]

    def save_scopes(self, books: Collection[Book]) -> None:
        for book in books:
            advertiser, campaign, _ = book.day.key
            for table, key, scope in (
                (self.db.balances, advertiser, book.balance),
                (self.db.totals, (advertiser, campaign), book.total),
            ):
                if scope.committed < 0:
                    raise IntegrityError("scope_committed")
                before = table[key]
                if before.committed != scope.committed:
                    self._put(table, key, Scope(scope.committed, before.limit))

    def lock_days(self, keys: Collection[Key]) -> dict[Key, Day]:
        days = self.db.days
        return {key: days[key] for key in sorted(set(keys)) if key in days}

    def save_days(self, days: Iterable[Day]) -> None:
        for day in days:
            check_day(day)
            self._put(self.db.days, day.key, day)

    def lock_regions(
        self, keys: Collection[Key], region: str | None = None
    ) -> dict[tuple[Key, str], Region]:
        wanted = set(keys)
        return {
            place: Region(unleased, demand)
            for place, (unleased, demand) in sorted(self.db.regions.items())
            if place[0] in wanted and region in {None, place[1]}
        }

    def save_regions(self, regions: Mapping[tuple[Key, str], Region]) -> None:
        for place, row in regions.items():
            if row.unleased < 0:
                raise IntegrityError("region_unleased")
            rate = allocator.Demand(float(round(row.demand.micros_s)), row.demand.at_ms)
            self._put(self.db.regions, place, (row.unleased, rate))

    def days_to_grant(
        self, asked: Collection[tuple[bytes, int, int]], now_ms: int, lead_ms: int
    ) -> dict[tuple[bytes, int, int], Key]:
        found: dict[tuple[bytes, int, int], Key] = {}
        for one in asked:
            incarnation, advertiser, campaign = one
            for key in sorted(self.db.days_of(advertiser, campaign)):
                day: Day = self.db.days[key]
                is_now = day.starts_ms <= now_ms < day.ends_ms
                is_soon = now_ms < day.starts_ms <= now_ms + lead_ms and day.is_running
                if is_now or (
                    is_soon and (incarnation, campaign, day.day) not in self.db.of_days
                ):
                    found[one] = key
        return found

    def leases_of_requests(
        self, requests: Collection[tuple[bytes, int]], lease_key: bytes
    ) -> dict[tuple[bytes, int], Lease]:
        """The stored value is what was signed, so that it needs no second signature."""
        db = self.db
        return {
            one: db.granted[db.requests[one]].signed(lease_key)
            for one in requests
            if one in db.requests
        }

    def insert_leases(
        self, leases: Sequence[Lease], region: str, now_ms: int, term_ms: int
    ) -> None:
        db = self.db
        for lease in leases:
            key = (lease.advertiser, lease.campaign, lease.day)
            request, number = (lease.incarnation, lease.request_no), (*key[1:], lease.no)
            if lease.id in db.leases or request in db.requests or number in db.numbers:
                raise IntegrityError(f"lease {lease.id.hex()} is there, or its request or number")
            state = LeaseState(
                *(lease.id, key, region, lease.amount_micros),
                incarnation=lease.incarnation,
                no=lease.no,
            )
            self._put(db.leases, lease.id, state)
            self._put(db.granted, lease.id, lease)
            expires_ms = now_ms + lease.starts_in_ms + term_ms
            self._put(
                db.facts, lease.id, LeaseFacts(region, expires_ms, now_ms, len(db.facts))
            )
            self._put(db.open_leases, lease.id, lease.incarnation)
            self._put(db.requests, request, lease.id)
            self._put(db.numbers, number, lease.id)
            self._put(db.of_days, (lease.incarnation, lease.campaign, lease.day), True)  # noqa: FBT003

    def open_leases(self, incarnation: bytes) -> list[LeaseState]:
        db = self.db
        return [copy(db.leases[one]) for one, of in db.open_leases.items() if of == incarnation]

    def leases(self, ids: Collection[bytes]) -> dict[bytes, LeaseState]:
        known = self.db.leases
        return {one: copy(known[one]) for one in ids if one in known}

    def save_leases(self, leases: Collection[LeaseState]) -> None:
        db = self.db
        for lease in leases:
            before = db.leases[lease.id]
            after = copy(before)
            after.settled, after.returned, after.released = (
                *(lease.settled, lease.returned),
                lease.released,
            )
            after.state, after.is_accepted = lease.state, lease.is_accepted
            check_lease(after)
            self._put(db.leases, lease.id, after)
            if after.state == "open" and lease.id not in db.open_leases:
                self._put(db.open_leases, lease.id, after.incarnation)
            elif after.state != "open":
                db.tables.delete(db.open_leases, lease.id)

    def leases_to_recall(self, region: str, now_ms: int) -> dict[bytes, list[bytes]]:
        self._wire.reach()
        db = self.db
        recalled: dict[bytes, list[bytes]] = {}
        returning: dict[Key, bool] = {}
        for one, incarnation in db.open_leases.items():
            lease: LeaseState = db.leases[one]
            if lease.region != region or not self._is_open(incarnation):
                continue
            if lease.key not in returning:
                book = self._book(lease.key)
                is_on = book is not None and book.day.ends_ms > now_ms
                returning[lease.key] = is_on and book is not None and book.must_return
            if returning[lease.key]:
                recalled.setdefault(incarnation, []).append(one)
        return recalled

    def leases_past_term(
        self, region: str, now_ms: int, lease_key: bytes
    ) -> dict[bytes, list[Lease]]:
        self._wire.reach()
        db = self.db
        late: dict[bytes, list[Lease]] = {}
        for one, incarnation in db.open_leases.items():
            facts: LeaseFacts = db.facts[one]
            if (
                facts.region == region
                and facts.expires_ms <= now_ms
                and self._is_open(incarnation)
            ):
                late.setdefault(incarnation, []).append(db.granted[one].signed(lease_key))
        return late

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
            if (unleased > 0 and must) or (
                differs and (unleased > target or day.available > 0)
            ):
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
                    self._put(
                        self.db.days, day.key, replace(day, is_closed=True, is_running=False)
                    )
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
                self._put(self.db.held, key, True)  # noqa: FBT003
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

    def _is_open(self, incarnation: bytes) -> bool:
        known = self.db.incarnations.get(incarnation)
        return known is not None and known.state == "open"

    def _book(self, key: Key) -> Book | None:
        db = self.db
        day = db.days.get(key)
        balance, total = db.balances.get(key[0]), db.totals.get(key[:2])
        return Book(day, balance, total) if day and balance and total else None

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


def _census(census: Census) -> Census:
    return replace(census, regions=set(census.regions))


def check_day(day: Day) -> None:
    """The table's constraints: what Postgres refuses whatever the code believes."""
    terms = (
        *(day.available, day.allocated, day.leased, day.held, day.settled),
        *(day.quarantined, day.written_off),
    )
    others = (day.asked, day.unknown, day.excess, day.forgiven, day.late)
    if min(*terms, *others) < 0 or sum(terms) != day.budget:
        raise IntegrityError(f"campaign_day: {day}")
    if day.unknown > day.settled or day.forgiven > day.settled:
        raise IntegrityError(f"campaign_day_max: {day}")


def check_lease(lease: LeaseState) -> None:
    """The table's constraints."""
    if min(lease.settled, lease.returned, lease.released) < 0:
        raise IntegrityError(f"lease negative: {lease}")
    whole = lease.returned == lease.amount - lease.settled
    is_out = lease.state in {"open", "quarantined"} and not lease.returned
    if lease.settled > lease.amount - lease.returned or not (whole or is_out):
        raise IntegrityError(f"lease_e3: {lease}")
    if lease.released > lease.settled:
        raise IntegrityError(f"lease_released: {lease}")
