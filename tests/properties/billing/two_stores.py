"""Two stores of escrow, Postgres and its model in memory, and what is the same in them after every step.

What is done to both is in test_store_machine.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from msgspec.structs import replace

from billing.escrow import census
from billing.escrow.grants import Office
from billing.escrow.values import Census, Incarnation, Scope
from billing.ledger.deposits import deposit
from billing.settlement.postgres import PgSettlementStore
from billing.settlement.settle import settle_chunks
from campaigns.models import Advertiser, Campaign
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import Lease, ProtocolTimes
from rtbplatform.kernel.stream import AuctionEntry, Entry, LeaseChange, make_chunk
from tests.integration.billing.bank import new_journal
from tests.simulation import database
from tests.simulation.memory_settlement import MemoryStore

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
LATER_MS = 4_000_000_000_000
TIMES = ProtocolTimes()
KEY = b"k" * 32
REGIONS = ("eu", "us")
EXCHANGE = 5
FIRST_ID = 1 << 64


class OpenWire:
    """The way to the model is always open."""

    def reach(self) -> None:
        """Nothing is in the way."""

    commits = committed = reach


class Server(database.Database):
    """On the server and at the time that Postgres says."""

    def server(self) -> str:
        return PgSettlementStore().server()


class Stream:
    """One incarnation, as its banker keeps it."""

    def __init__(self, number: int, region: str) -> None:
        self.id, self.region = number.to_bytes(16, "big"), region
        self.seq, self.hash, self.requests = 0, bytes(32), 0
        self.leases: dict[bytes, Lease] = {}
        self.spent: dict[bytes, int] = {}
        self.debits: list[tuple[int, AuctionEntry]] = []


class TwoStores(RuleBasedStateMachine):
    """Everything is done twice: in Postgres and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.journals = (new_journal(), new_journal())
        self.pg = PgSettlementStore()
        db = Server(Random(1), self.pg.now_ms)
        self.model = MemoryStore(db, OpenWire(), BudgetCalendar())
        self.now_ms = NOW_MS
        self.ids = itertools.count(FIRST_ID)
        self.streams: list[Stream] = []
        self._found()

    def _found(self) -> None:
        advertiser = Advertiser.objects.create(name="Acme", currency="USD", domain="acme.example")
        self.advertiser = advertiser.pk
        deposit(self.advertiser, 6_000, "USD", "first")
        for number, total in enumerate((None, 2_500)):
            Campaign.objects.create(
                advertiser=advertiser,
                name=f"c{number}",
                status="active",
                currency="USD",
                time_zone="UTC",
                daily_budget_micros=2_000,
                total_budget_micros=total,
                bid_cpm_micros=10_000,
                starts_at=NOW - timedelta(days=1),
            )
        for region in REGIONS:
            census.step(self.pg, self.journals[0], region, lambda: None, NOW_MS)
            self.journals[0].compared = 0
        self.campaigns = sorted(Campaign.objects.values_list("pk", flat=True))
        no = self.pg.gate().epoch
        db = self.model.db
        with self.model.transaction():
            db.tables.put(db.balances, self.advertiser, Scope(0, 6_000))
            db.tables.put(db.marks, None, no)
            made = Census(no, self.pg.server(), set(REGIONS), is_complete=True)
            db.tables.put(db.censuses, no, made)
        self.copy_campaigns()
        self.epoch = no

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def copy_campaigns(self) -> None:
        db = self.model.db
        with self.model.transaction():
            for row in Campaign.objects.all():
                known = database.Campaign(
                    *(row.advertiser_id, row.pk, row.time_zone, row.daily_budget_micros),
                    *(row.total_budget_micros, row.budget_version),
                    is_active=row.status == "active",
                )
                db.tables.put(db.campaigns, row.pk, known)

    def both(self, act: Callable[[Any], Any]) -> Any:
        """On Postgres and on the model; what both return."""
        first = next(self.ids)
        results = []
        for store in (self.pg, self.model):
            self.ids = itertools.count(first + 1)
            results.append(act(store))
        assert results[0] == results[1]
        return results[0]

    def office(self, region: str) -> Office:
        return Office(region, TIMES, KEY, lambda _: next(self.ids).to_bytes(16, "big"))

    def pick(self, data: st.DataObject, things: list[Any]) -> Any:
        return data.draw(st.sampled_from(things))

    def change(
        self, kind: str, lease: Lease, spent: int, signed: Lease | None = None
    ) -> LeaseChange:
        return LeaseChange(
            *(kind, lease.id, lease.advertiser, lease.campaign, lease.day),
            *(lease.amount_micros, spent, lease.no, signed),
        )

    def settle(self, stream: Stream, *entries: Entry) -> None:
        chunk = make_chunk(stream.id, stream.seq + 1, self.now_ms, stream.hash, entries)
        settled = self.both(lambda store: settle_chunks(store, [chunk], KEY))
        if settled.entries:
            stream.seq, stream.hash = chunk.last_seq, chunk.hash
        elif stream.debits and stream.debits[-1][0] > stream.seq:
            stream.debits.pop()

    @invariant()
    def all_rows_are_the_same(self) -> None:
        db = self.model.db
        ids = [one.id for one in self.streams]
        debits = {key[0] for key in db.holds}
        for read in (
            lambda store: _in_order(store.lock_incarnations(ids, exclusive=False)),
            lambda store: store.lock_days(db.days.keys()),
            lambda store: store.lock_scopes([(self.advertiser, one) for one in self.campaigns]),
            lambda store: {
                place: (row.unleased, round(row.demand.micros_s), row.demand.at_ms)
                for place, row in store.lock_regions(db.days.keys()).items()
            },
            lambda store: store.leases(db.leases.keys()),
            lambda store: _without_due(store.holds(debits)),
            lambda store: store.newest_mark(),
            lambda store: store.orphans_of_leases(list(db.leases)),
            lambda store: [_id(one) for one in store.unclosed()],
        ):
            self._same(read)

    @invariant()
    def all_questions_are_answered_alike(self) -> None:
        db = self.model.db
        asked = [(one.id, self.advertiser, each) for one in self.streams for each in self.campaigns]
        lead_ms = TIMES.renew_before_end_ms
        keep_s = 2 * TIMES.lease_term_ms / 1000
        for region in REGIONS:
            self._same(
                lambda store, region=region: _sets(store.leases_to_recall(region, self.now_ms))
            )
            self._same(
                lambda store, region=region: _sets(store.leases_past_term(region, self.now_ms, KEY))
            )
        for read in (
            lambda store: store.differences(self.now_ms, TIMES.lease_term_ms),
            lambda store: store.unbalanced(self.now_ms, keep_s, 10),
            lambda store: store.days_to_grant(asked, self.now_ms, lead_ms),
            lambda store: store.forgiving(),
            lambda store: store.budget_versions(),
            lambda store: [replace(one, registered_us=0) for one in store.quarantines()],
            lambda store: {
                one: hold.state for one, hold in store.holds({key[0] for key in db.holds}).items()
            },
        ):
            self._same(read)

    def _same(self, read: Callable[[Any], Any]) -> None:
        answers = []
        for store in (self.pg, self.model):
            with store.transaction():
                answers.append(read(store))
        assert answers[0] == answers[1]


def _id(one: Incarnation) -> bytes:
    return one.id


def _in_order(found: dict[bytes, Incarnation]) -> dict[bytes, Incarnation]:
    """Each store has a clock of its own for when it first heard of one: what counts is which came first."""
    for place, one in enumerate(sorted(found.values(), key=lambda one: one.registered_us)):
        one.registered_us = place
    return found


def _sets(found: dict[bytes, list[Any]]) -> dict[bytes, set[Any]]:
    return {one: {getattr(lease, "id", lease) for lease in leases} for one, leases in found.items()}


def _without_due(holds: dict[Any, Any]) -> dict[Any, Any]:
    for hold in holds.values():
        hold.due_ms = 0
    return holds
