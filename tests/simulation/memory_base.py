"""Transactions over the memory database, the census, marks and incarnations."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from typing import Protocol

from msgspec.structs import replace

from billing.escrow.values import (
    Census,
    Gate,
    Incarnation,
)
from rtbplatform.kernel.calendar import BudgetCalendar
from tests.simulation.database import Database


class Wire(Protocol):
    """The way to Postgres."""

    def reach(self) -> None:
        """Before a transaction or a look: raises OperationalError when there is no way."""

    def commits(self) -> None:
        """Before a commit: raises OperationalError; then nothing of it happened."""

    def committed(self) -> None:
        """After it: raises OperationalError when the answer does not come."""


class MemoryBase:
    """Transactions, the census, marks, incarnations."""

    def __init__(self, db: Database, wire: Wire, calendar: BudgetCalendar) -> None:
        self.db = db
        self._wire = wire
        self._calendar = calendar
        self._put = db.tables.put

    def transaction(self) -> MemoryBase:
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

    def open_census(self, server: str, above: int = 0) -> Census:
        base = max(self.db.marks.get(None, 0) + 1, self.db.now_ms() << 20, above + 1)
        no = base + self.db.random_bits(20)
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
        known = copy(new)
        known.registered_us = 1 + max(
            (one.registered_us for one in self.db.incarnations.values()), default=0
        )
        self._put(self.db.incarnations, new.id, known)
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


def _census(census: Census) -> Census:
    return replace(census, regions=set(census.regions), awaits=set(census.awaits))
