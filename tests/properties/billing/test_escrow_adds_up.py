"""Whatever is asked of the coordinator and allocator, E2 holds, nothing is negative, and nothing beyond a limit goes out."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from billing.escrow import allocator, coordinator
from billing.escrow.allocator import Ask, Granted
from billing.escrow.values import Book, Scope

AMOUNTS = st.integers(0, 2_000)


class Escrow(RuleBasedStateMachine):
    """One campaign-day, its scopes, two regions, leases that are debited, voided and sealed."""

    @initialize(
        asked=AMOUNTS, balance=st.integers(0, 3_000), total=st.none() | st.integers(0, 3_000)
    )
    def begin(self, asked: int, balance: int, total: int | None) -> None:
        day = coordinator.open_day(
            1, 2, 3, asked=asked, version=1, starts_ms=0, ends_ms=1, is_running=True
        )
        self.book = Book(day, Scope(0, balance), Scope(0, total))
        self.unleased = {"a": 0, "b": 0}
        self.leases: list[tuple[str, int]] = []

    @rule(
        region=st.sampled_from("ab"),
        bid=st.integers(0, 50),
        want=AMOUNTS,
        holders=st.integers(0, 5),
        share=st.floats(0.01, 1.0),
    )
    def grant(self, region: str, bid: int, want: int, holders: int, share: float) -> None:
        before = self.book
        decision = allocator.grant(Ask(bid, want, holders, share), before, self.unleased[region])
        if not isinstance(decision, Granted):
            return
        assert before.day.is_running
        assert not before.day.is_over
        self.book, self.unleased[region] = decision.book, decision.unleased
        self.leases.append((region, decision.amount))
        for scope in (self.book.balance, self.book.total):
            assert scope.limit is None or scope.committed <= scope.limit

    @rule(data=st.data())
    def spend_and_seal(self, data: st.DataObject) -> None:
        if not self.leases:
            return
        region, amount = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        spent = data.draw(st.integers(0, amount))
        day = self.book.day
        self.unleased[region] += amount - spent
        day = replace(
            day,
            leased=day.leased - amount,
            settled=day.settled + spent,
            allocated=day.allocated + amount - spent,
        )
        self.book = replace(self.book, day=day)

    @rule(region=st.sampled_from("ab"), amount=st.integers(1, 500), no=st.integers(1, 50))
    def adopt(self, region: str, amount: int, no: int) -> None:
        """A lease that a restore had lost: it is out, whatever the budget says."""
        before = self.book.day
        self.book = coordinator.adopt(self.book, amount, no)
        self.leases.append((region, amount))
        assert self.book.day.excess - before.excess == max(0, amount - before.available)

    @rule()
    def forgive(self) -> None:
        amount = coordinator.forgiven(self.book.day)
        assert amount <= max(0, self.book.day.settled - self.book.day.asked)
        self.book = replace(self.book, day=replace(self.book.day, forgiven=amount))

    @rule(asked=AMOUNTS, newer=st.booleans())
    def change_budget(self, asked: int, newer: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        before = self.book.day
        after = coordinator.change_budget(before, asked, before.version + newer)
        self.book = replace(self.book, day=after)
        assert after.budget <= max(after.asked, before.out)  # E9

    @rule(limit=st.none() | st.integers(0, 3_000), is_total=st.booleans())
    def change_limit(self, limit: int | None, is_total: bool) -> None:  # noqa: FBT001
        name = "total" if is_total else "balance"
        scope = replace(getattr(self.book, name), limit=limit)
        self.book = replace(self.book, **{name: scope})

    @rule(is_running=st.booleans())
    def pause(self, is_running: bool) -> None:  # noqa: FBT001
        day = coordinator.set_running(self.book.day, is_running=is_running)
        self.book = replace(self.book, day=day)

    @rule(demand=st.fixed_dictionaries({"a": st.floats(0, 100), "b": st.floats(0, 100)}))
    def spread(self, demand: dict[str, float]) -> None:
        self.book, self.unleased = allocator.spread(self.book, self.unleased, demand, 30_000)
        if self.book.must_return:
            assert not any(self.unleased.values())

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "book"):
            return
        day = self.book.day.check()
        assert day.allocated == sum(self.unleased.values())
        assert day.leased == sum(amount for _, amount in self.leases)
        assert self.book.balance.committed == self.book.total.committed == day.out
        assert day.budget >= day.asked
        assert day.budget == day.asked or not day.available


Escrow.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestEscrow = Escrow.TestCase
