"""Escrow's store in Postgres is held against its model in memory: the same operations, and all rows are the same.

The simulator runs on the model; what it shows of the protocol holds for Postgres as far as these two agree.
"""

from __future__ import annotations

from typing import Any

import pytest
from django_scopes import scopes_disabled
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from billing.escrow import marks, upkeep
from billing.escrow.grants import grant_leases
from billing.escrow.incarnations import register
from billing.escrow.quarantine import quarantine, reopen
from billing.escrow.write_off import write_off
from campaigns.models import Campaign
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import (
    AuctionEntry,
    Claim,
    DebitLine,
    FenceEntry,
    LeaseEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)
from rtbplatform.kernel.wire import Grant, LeaseRequest, Register
from tests.properties.billing.two_stores import (
    EXCHANGE,
    FIRST_ID,
    KEY,
    LATER_MS,
    REGIONS,
    TIMES,
    Stream,
    TwoStores,
)


class Stores(TwoStores):
    """What happens to both."""

    def __init__(self) -> None:
        super().__init__()
        self.tick()

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
        stream: Stream = self.pick(data, self.streams)
        stream.requests += not (again and stream.requests)
        request = LeaseRequest(
            *(stream.id, stream.requests, self.advertiser, self.pick(data, self.campaigns)),
            *(bid, want),
        )
        office = self.office(stream.region)
        ((_, answer),) = self.both(
            lambda store: grant_leases(store, office, [request], {}, 0.5, self.now_ms)
        )
        if isinstance(answer, Grant) and answer.lease.id not in stream.leases:
            stream.leases[answer.lease.id] = answer.lease
            change = self.change("accepted", answer.lease, 0, signed=answer.lease)
            self.settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data(), amount=st.integers(1, 400), hold=st.booleans())
    def a_debit(self, data: st.DataObject, amount: int, *, hold: bool) -> None:
        stream: Stream = self.pick(data, [one for one in self.streams if one.leases])
        lease: Lease = self.pick(data, list(stream.leases.values()))
        entry = AuctionEntry(
            *(0, EXCHANGE, self.now_ms, next(self.ids).to_bytes(16, "big")),
            [DebitLine(0, lease.advertiser, lease.campaign, lease.day, lease.id, amount)],
            b"\x80",
            1 if hold else 0,
        )
        stream.debits.append((stream.seq + 1, entry))
        stream.spent[lease.id] = stream.spent.get(lease.id, 0) + amount
        self.settle(stream, entry)

    @precondition(lambda self: any(one.debits for one in self.streams))
    @rule(data=st.data(), void=st.booleans())
    def an_outcome(self, data: st.DataObject, *, void: bool) -> None:
        stream: Stream = self.pick(data, [one for one in self.streams if one.debits])
        seq, entry = self.pick(data, stream.debits)
        outcome = Outcome(seq, EXCHANGE, entry.lines)
        if void:
            stream.spent[entry.lines[0].lease] -= entry.lines[0].amount_micros
        self.settle(stream, OutcomeEntry([], [outcome] if void else [], [] if void else [outcome]))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data(), known=st.booleans(), kind=st.sampled_from(["billing", "loss"]))
    def a_notice(self, data: st.DataObject, kind: str, *, known: bool) -> None:
        of = self.pick(data, [one for one in self.streams if one.leases])
        through: Stream = self.pick(data, self.streams)
        lease: Lease = self.pick(data, list(of.leases.values()))
        debit_id = next(self.ids).to_bytes(16, "big")
        amount = data.draw(st.integers(0, 300))
        if known and of.debits:
            _, entry = self.pick(data, of.debits)
            debit_id, lease = entry.debit_id, of.leases[entry.lines[0].lease]
            amount = entry.lines[0].amount_micros
        claim = Claim(
            *(kind, 0, lease.advertiser, lease.campaign, lease.day, lease.id, amount),
            data.draw(st.integers(0, 400)),
        )
        self.settle(through, NoticeEntry(0, EXCHANGE, self.now_ms, debit_id, b"\x80", claim))

    @precondition(lambda self: any(one.leases for one in self.streams))
    @rule(data=st.data())
    def a_seal(self, data: st.DataObject) -> None:
        stream: Stream = self.pick(data, [one for one in self.streams if one.leases])
        lease: Lease = self.pick(data, list(stream.leases.values()))
        change = self.change("sealed", lease, stream.spent.get(lease.id, 0))
        self.settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), amount=st.integers(1, 3_000))
    def a_lease_that_a_restore_has_lost(self, data: st.DataObject, amount: int) -> None:
        stream: Stream = self.pick(data, self.streams)
        day = self.now_ms // 86_400_000
        starts = day * 86_400_000
        # The numbers of leases and of requests are as unique as the treasury makes them.
        number = next(self.ids)
        lease = Lease(
            *(number.to_bytes(16, "big"), 1_000 + number - FIRST_ID, 9_000 + number - FIRST_ID),
            *(stream.id, self.advertiser, self.pick(data, self.campaigns), day, amount, 1),
            *(25_000, 0, 1_000, self.epoch, "USD", starts, starts + 86_400_000),
        ).signed(KEY)
        stream.leases[lease.id] = lease
        change = self.change("accepted", lease, 0, signed=lease)
        self.settle(stream, LeaseEntry(0, [change]))

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), fence=st.booleans())
    def a_mark_or_a_fence(self, data: st.DataObject, *, fence: bool) -> None:
        stream: Stream = self.pick(data, self.streams)
        mark = self.pg.newest_mark()
        ends = fence and data.draw(st.booleans())
        self.settle(stream, FenceEntry(0, "") if ends else MarkEntry(0, mark, self.epoch))

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
        campaign = Campaign.objects.get(pk=self.pick(data, self.campaigns))
        Campaign.objects.filter(pk=campaign.pk).update(
            daily_budget_micros=daily,
            total_budget_micros=data.draw(st.none() | st.integers(1, 5_000)),
            budget_version=campaign.budget_version + 1,
            status="active" if running else "paused",
        )
        self.copy_campaigns()

    @precondition(lambda self: self.streams)
    @rule(data=st.data(), then=st.sampled_from(["", "reopen", "write off"]))
    def a_disk_is_lost(self, data: st.DataObject, then: str) -> None:
        stream: Stream = self.pick(data, self.streams)
        if not self.both(lambda store: quarantine(store, stream.id, reason="lost")):
            return
        if then == "reopen":
            self.both(lambda store: reopen(store, stream.id))
        elif then == "write off":
            self.both(lambda store: write_off(store, stream.id, {}))


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
