"""Escrow's store in Postgres is held against its model in memory: the same operations, and all rows are the same.

The simulator runs on the model; what it shows of the protocol holds for Postgres as far as these two agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django_scopes import scopes_disabled
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.escrow import census, marks, upkeep
from billing.escrow.grants import Office, grant_leases
from billing.escrow.incarnations import register
from billing.escrow.quarantine import quarantine, reopen
from billing.escrow.values import Census, Incarnation, Scope
from billing.escrow.write_off import write_off
from billing.ledger.deposits import deposit
from billing.settlement.postgres import PgSettlementStore
from billing.settlement.settle import settle_chunks
from campaigns.models import Advertiser, Campaign
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import Lease, ProtocolTimes
from rtbplatform.kernel.stream import (
    AuctionEntry,
    Claim,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
    make_chunk,
)
from rtbplatform.kernel.wire import Grant, LeaseRequest, Register
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
        self.is_over = False


class Stores(RuleBasedStateMachine):
    """Everything is done twice."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.journals = (new_journal(), new_journal())
        self.pg = PgSettlementStore()
        db = Server(Random(1), self.pg.now_ms)
        self.model = MemoryStore(db, OpenWire(), BudgetCalendar())
        self.now_ms = NOW_MS
        self.ids = itertools.count(1 << 64)
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
        self._copy_campaigns()
        self.epoch = no
        self.tick()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def _copy_campaigns(self) -> None:
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

    def _office(self, region: str) -> Office:
        return Office(region, TIMES, KEY, lambda _: next(self.ids).to_bytes(16, "big"))

    def _pick(self, data: st.DataObject, things: list[Any]) -> Any:
        return data.draw(st.sampled_from(things))

    @rule()
    def tick(self) -> None:
        for store, journal in zip((self.pg, self.model), self.journals, strict=True):
            upkeep.reconcile(store, journal, TIMES, self.now_ms)
            upkeep.rebalance(store, TIMES, self.now_ms)
            upkeep.forgive(store)
            store.close_days(self.now_ms)

    @rule(ms=st.sampled_from([1_000, 20_000, 40_000, 43_000_000]))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @rule(region=st.sampled_from(REGIONS))
    def a_banker_starts(self, region: str) -> None:
        stream = Stream(len(self.streams) + 1, region)
        message = Register(stream.id, region, f"pod {stream.id[-1]}", "m/d/1", self.now_ms)
        for store, journal in zip((self.pg, self.model), self.journals, strict=True):
            register(store, journal, message, region)
        self.streams.append(stream)

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), bid=st.integers(1, 200), want=st.integers(1, 2_500), again=st.booleans())
    def a_lease_is_asked_for(
        self, data: st.DataObject, bid: int, want: int, *, again: bool
    ) -> None:
        stream: Stream = self._pick(data, self.streams)
        stream.requests += not (again and stream.requests)
        request = LeaseRequest(
            *(stream.id, stream.requests, self.advertiser, self._pick(data, self.campaigns)),
            *(bid, want),
        )
        office = self._office(stream.region)
        ((_, answer),) = self.both(
            lambda store: grant_leases(store, office, [request], {}, 0.5, self.now_ms)
        )
        if isinstance(answer, Grant) and answer.lease.id not in stream.leases:
            stream.leases[answer.lease.id] = answer.lease
            change = self._change("accepted", answer.lease, 0, signed=answer.lease)
            self._settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data(), amount=st.integers(1, 400), hold=st.booleans())
    def a_debit(self, data: st.DataObject, amount: int, *, hold: bool) -> None:
        stream: Stream = self._pick(data, [one for one in self.streams if one.leases])
        lease: Lease = self._pick(data, list(stream.leases.values()))
        entry = AuctionEntry(
            *(0, EXCHANGE, self.now_ms, next(self.ids).to_bytes(16, "big")),
            [DebitLine(0, lease.advertiser, lease.campaign, lease.day, lease.id, amount)],
            b"\x80",
            1 if hold else 0,
        )
        stream.debits.append((stream.seq + 1, entry))
        stream.spent[lease.id] = stream.spent.get(lease.id, 0) + amount
        self._settle(stream, entry)

    @precondition(lambda self: any(one.debits for one in self.streams))
    @rule(data=st.data(), void=st.booleans())
    def an_outcome(self, data: st.DataObject, *, void: bool) -> None:
        stream: Stream = self._pick(data, [one for one in self.streams if one.debits])
        seq, entry = self._pick(data, stream.debits)
        outcome = Outcome(seq, EXCHANGE, entry.lines)
        if void:
            stream.spent[entry.lines[0].lease] -= entry.lines[0].amount_micros
        self._settle(stream, OutcomeEntry([], [outcome] if void else [], [] if void else [outcome]))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data(), known=st.booleans(), kind=st.sampled_from(["billing", "loss"]))
    def a_notice(self, data: st.DataObject, kind: str, *, known: bool) -> None:
        of = self._pick(data, [one for one in self.streams if one.leases])
        through: Stream = self._pick(data, self.streams)
        lease: Lease = self._pick(data, list(of.leases.values()))
        debit_id = next(self.ids).to_bytes(16, "big")
        amount = data.draw(st.integers(0, 300))
        if known and of.debits:
            _, entry = self._pick(data, of.debits)
            debit_id, lease = entry.debit_id, of.leases[entry.lines[0].lease]
            amount = entry.lines[0].amount_micros
        claim = Claim(
            *(kind, 0, lease.advertiser, lease.campaign, lease.day, lease.id, amount),
            data.draw(st.integers(0, 400)),
        )
        self._settle(through, NoticeEntry(0, EXCHANGE, self.now_ms, debit_id, b"\x80", claim))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data())
    def a_seal(self, data: st.DataObject) -> None:
        stream: Stream = self._pick(data, [one for one in self.streams if one.leases])
        lease: Lease = self._pick(data, list(stream.leases.values()))
        change = self._change("sealed", lease, stream.spent.get(lease.id, 0))
        self._settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), amount=st.integers(1, 3_000))
    def a_lease_that_a_restore_has_lost(self, data: st.DataObject, amount: int) -> None:
        stream: Stream = self._pick(data, self.streams)
        day = self.now_ms // 86_400_000
        starts = day * 86_400_000
        lease = Lease(
            *(next(self.ids).to_bytes(16, "big"), 1_000 + stream.seq, 9_000 + stream.seq),
            *(stream.id, self.advertiser, self._pick(data, self.campaigns), day, amount, 1),
            *(25_000, 0, 1_000, self.epoch, "USD", starts, starts + 86_400_000),
        ).signed(KEY)
        stream.leases[lease.id] = lease
        change = self._change("accepted", lease, 0, signed=lease)
        self._settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), fence=st.booleans())
    def a_mark_or_a_fence(self, data: st.DataObject, *, fence: bool) -> None:
        stream: Stream = self._pick(data, self.streams)
        mark = self.pg.newest_mark()
        ends = fence and data.draw(st.booleans())
        self._settle(stream, FenceEntry(0, "") if ends else MarkEntry(0, mark, self.epoch))

    @rule()
    def holds_are_due(self) -> None:
        def mark_all(store: Any) -> int:
            with store.transaction():
                marked: int = store.mark_due_holds(store.insert_mark(), LATER_MS)
            return marked

        self.both(mark_all)
        self.both(marks.release)

    @rule(data=st.data(), daily=st.integers(0, 5_000), running=st.booleans())
    def an_edit(self, data: st.DataObject, daily: int, *, running: bool) -> None:
        campaign = Campaign.objects.get(pk=self._pick(data, self.campaigns))
        Campaign.objects.filter(pk=campaign.pk).update(
            daily_budget_micros=daily,
            total_budget_micros=data.draw(st.none() | st.integers(1, 5_000)),
            budget_version=campaign.budget_version + 1,
            status="active" if running else "paused",
        )
        self._copy_campaigns()

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), then=st.sampled_from(["", "reopen", "write off"]))
    def a_disk_is_lost(self, data: st.DataObject, then: str) -> None:
        stream: Stream = self._pick(data, self.streams)
        if not self.both(lambda store: quarantine(store, stream.id, reason="lost")):
            return
        if then == "reopen":
            self.both(lambda store: reopen(store, stream.id))
        elif then == "write off":
            self.both(lambda store: write_off(store, stream.id, {}))

    def _change(
        self, kind: str, lease: Lease, spent: int, signed: Lease | None = None
    ) -> LeaseChange:
        return LeaseChange(
            *(kind, lease.id, lease.advertiser, lease.campaign, lease.day),
            *(lease.amount_micros, spent, lease.no, signed),
        )

    def _settle(self, stream: Stream, *entries: Entry) -> None:
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
            lambda store: store.lock_incarnations(ids, exclusive=False),
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
            lambda store: store.quarantines(),
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


def _sets(found: dict[bytes, list[Any]]) -> dict[bytes, set[Any]]:
    return {one: {getattr(lease, "id", lease) for lease in leases} for one, leases in found.items()}


def _without_due(holds: dict[Any, Any]) -> dict[Any, Any]:
    for hold in holds.values():
        hold.due_ms = 0
    return holds


@pytest.mark.django_db
def test_postgres_and_the_model_agree() -> None:
    with scopes_disabled():
        run_state_machine_as_test(
            Stores,
            settings=settings(
                max_examples=12,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
