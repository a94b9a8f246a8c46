"""Scopes, campaign-days, region rows and leases in memory, with the constraints that their tables have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy

from django.db import IntegrityError

from billing.escrow import allocator
from billing.escrow.store import Region
from billing.escrow.values import (
    Book,
    Day,
    Key,
    LeaseState,
    Scope,
)
from rtbplatform.kernel.protocol import Lease
from tests.simulation.database import LeaseFacts
from tests.simulation.memory_base import MemoryBase


class MemoryRows(MemoryBase):
    """What settlement and grants lock and save."""

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
                if is_now or (is_soon and (incarnation, campaign, day.day) not in self.db.of_days):
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
            request, number = (
                (lease.incarnation, lease.request_no),
                (*key[1:], lease.incarnation, lease.no),
            )
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
            self._put(db.facts, lease.id, LeaseFacts(region, expires_ms, now_ms, len(db.facts)))
            self._put(db.open_leases, lease.id, lease.incarnation)
            self._put(db.requests, request, lease.id)
            self._put(db.numbers, number, lease.id)
            self._put(db.of_days, (lease.incarnation, lease.campaign, lease.day), True)

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
            if facts.region == region and facts.expires_ms <= now_ms and self._is_open(incarnation):
                late.setdefault(incarnation, []).append(db.granted[one].signed(lease_key))
        return late

    def _is_open(self, incarnation: bytes) -> bool:
        known = self.db.incarnations.get(incarnation)
        return known is not None and known.state == "open"

    def _book(self, key: Key) -> Book | None:
        db = self.db
        day = db.days.get(key)
        balance, total = db.balances.get(key[0]), db.totals.get(key[:2])
        return Book(day, balance, total) if day and balance and total else None


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
