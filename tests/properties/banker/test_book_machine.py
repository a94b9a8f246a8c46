"""The lease book against a naive model: any order of grants, repeats, debits, voids, seals, recalls and time."""

from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bidder.banker.book import LeaseBook, Verdict
from rtbplatform.kernel.ipc import Want
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import DebitLine, LeaseChange

KEY, ME = b"k" * 32, b"i" * 16
CAMPAIGNS = (7, 8)


@dataclass
class Known:
    lease: Lease
    from_ms: int
    until_ms: int
    spent: int = 0
    state: str = "mailed"


class BookMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.book = LeaseBook(ME, KEY)
        self.now = 1_000
        self.known: dict[bytes, Known] = {}
        self.high: dict[tuple[int, int], int] = {}
        self.debits: list[list[DebitLine]] = []

    def expect(self, changes: list[LeaseChange], kind: str) -> None:
        """Applies changes of one kind, each allowed once per lease."""
        for change in changes:
            known = self.known[change.lease]
            assert change.kind == kind
            assert known.state == ("accepted" if kind == "sealed" else "mailed")
            assert change.spent_micros == known.spent
            known.state = "sealed"

    @rule(
        campaign=st.sampled_from(CAMPAIGNS),
        day=st.integers(1, 2),
        amount=st.integers(0, 100),
        skip=st.integers(0, 2),
        starts=st.sampled_from((0, 0, 500)),
        sent_ago=st.integers(0, 1_000),
    )
    def mail(
        self, campaign: int, day: int, amount: int, skip: int, starts: int, sent_ago: int
    ) -> None:
        """The allocator makes a lease; it may arrive now, later, more than once or never."""
        lease = Lease(
            id=len(self.known).to_bytes(16, "big"),
            no=len(self.known) * 3 + skip + 1,
            request_no=1,
            incarnation=ME,
            advertiser=campaign * 10,
            campaign=campaign,
            day=day,
            amount_micros=amount,
            budget_version=1,
            spend_for_ms=800,
            starts_in_ms=starts,
            ends_in_ms=1_500,
        ).signed(KEY)
        self.known[lease.id] = Known(lease, self.now - sent_ago, 0)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(list(self.known.values())))
        lease = known.lease
        sent = known.from_ms if known.state == "mailed" else 0
        start = self.now + lease.starts_in_ms if lease.starts_in_ms else sent
        until = min(max(start, sent) + lease.spend_for_ms, sent + lease.ends_in_ms)
        verdict, changes = self.book.accept(lease, sent, self.now)
        if known.state != "mailed":
            assert (verdict, changes) == (Verdict.REPEATED, [])
            return
        key = (lease.campaign, lease.day)
        is_new = lease.no > self.high.get(key, 0)
        self.high[key] = max(self.high.get(key, 0), lease.no)
        if is_new and lease.amount_micros > 0 and max(self.now, start) < until:
            assert verdict is Verdict.ACCEPTED
            known.state, known.from_ms, known.until_ms = "accepted", start, until
        else:
            assert verdict is Verdict.TOMBSTONED
            self.expect(changes, "tombstoned")

    @rule(campaign=st.sampled_from(CAMPAIGNS), amount=st.integers(0, 150))
    def debit(self, campaign: int, amount: int) -> None:
        lines, unfundable = self.book.debit([Want(0, campaign * 10, campaign, amount)], self.now)
        assert bool(lines) == self.can_pay(campaign, amount)
        assert unfundable == ([] if lines else [campaign])
        if lines:
            assert sum(line.amount_micros for line in lines) == amount
            assert len({line.day for line in lines}) == 1
            self.debits.append(lines)
        for line in lines:
            self.known[line.lease].spent += line.amount_micros

    @precondition(lambda self: self.debits)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        lines = self.debits.pop(data.draw(st.integers(0, len(self.debits) - 1)))
        self.book.void(lines)
        for line in lines:
            if self.known[line.lease].state == "accepted":
                self.known[line.lease].spent -= line.amount_micros

    @rule(ms=st.integers(1, 400))
    def time_passes(self, ms: int) -> None:
        self.now += ms
        self.expect(self.book.tick(self.now), "sealed")
        overdue = [k for k in self.known.values() if k.state == "accepted"]
        assert all(known.until_ms > self.now for known in overdue)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def inquire(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(list(self.known.values())))
        before = known.state
        changes = self.book.inquire([known.lease])
        if before == "sealed":
            assert changes == []
        else:
            self.expect(changes, "sealed" if before == "accepted" else "tombstoned")
            key = (known.lease.campaign, known.lease.day)
            self.high[key] = max(self.high.get(key, 0), known.lease.no)
        assert known.state == "sealed"

    @rule(campaign=st.sampled_from(CAMPAIGNS), smallest=st.integers(1, 50))
    def seal_remainders(self, campaign: int, smallest: int) -> None:
        self.expect(self.book.seal_remainders(campaign, smallest, self.now), "sealed")

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        accepted = [k for k in self.known.values() if k.state == "accepted"]
        if accepted:
            known = data.draw(st.sampled_from(accepted))
            self.expect(self.book.recall([known.lease.id]), "sealed")
            assert known.state == "sealed"

    @invariant()
    def leases_are_never_overspent(self) -> None:
        for known in self.known.values():
            assert 0 <= known.spent <= known.lease.amount_micros

    @invariant()
    def the_mirror_is_what_one_debit_can_have(self) -> None:
        for campaign in CAMPAIGNS:
            assert self.book.fundable(campaign, self.now) == self.largest(campaign)

    def largest(self, campaign: int) -> int:
        return max((sum(lefts) for lefts in self.lefts(campaign).values()), default=0)

    def can_pay(self, campaign: int, amount: int) -> bool:
        return any(sum(lefts) >= amount for lefts in self.lefts(campaign).values())

    def lefts(self, campaign: int) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for known in self.known.values():
            works = known.state == "accepted" and known.from_ms <= self.now < known.until_ms
            if works and known.lease.campaign == campaign:
                left = known.lease.amount_micros - known.spent
                found.setdefault(known.lease.day, []).append(left)
        return found


BookMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestBook = BookMachine.TestCase
