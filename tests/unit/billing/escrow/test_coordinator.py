"""The coordinator's decisions: what may move, and what a changed budget means."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from billing.escrow import coordinator
from billing.escrow.values import Book, Day, EscrowError, Hold, LeaseState, Scope
from rtbplatform.kernel.stream import DebitLine


def day(asked: int = 100, **terms: int) -> Day:
    opened = coordinator.open_day(
        1, 2, 3, asked=asked, version=1, starts_ms=0, ends_ms=1000, is_running=True
    )
    return replace(opened, available=asked - sum(terms.values()), **terms).check()


def book(the_day: Day | None = None, balance: int = 1000, total: int | None = None) -> Book:
    the_day = the_day or day()
    return Book(the_day, Scope(the_day.out, balance), Scope(the_day.out, total))


def test_a_new_day_has_its_whole_budget_available() -> None:
    assert day(70).available == day(70).budget == 70


def test_a_day_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(EscrowError, match="does not add up"):
        replace(day(), settled=1).check()


def test_a_negative_term_is_refused() -> None:
    with pytest.raises(EscrowError, match="does not add up"):
        replace(day(), available=101, settled=-1).check()


def test_allocating_moves_money_in_all_scopes_at_once() -> None:
    after = coordinator.allocate(book(total=500), 30)
    assert (after.day.available, after.day.allocated) == (70, 30)
    assert (after.balance.committed, after.total.committed) == (30, 30)


def test_allocating_nothing_changes_nothing() -> None:
    assert coordinator.allocate(book(), 0) == book()


@pytest.mark.parametrize(
    ("balance", "total", "room"), [(1000, None, 100), (40, None, 40), (1000, 25, 25), (0, None, 0)]
)
def test_the_headroom_is_the_tightest_scope(balance: int, total: int | None, room: int) -> None:
    tight = book(balance=balance, total=total)
    assert tight.headroom == room
    with pytest.raises(EscrowError, match="headroom"):
        coordinator.allocate(tight, room + 1)


def test_nothing_is_allocated_while_a_campaign_does_not_run() -> None:
    assert book(coordinator.set_running(day(), is_running=False)).headroom == 0


def test_nothing_is_allocated_while_more_is_out_than_was_asked_for() -> None:
    cut = coordinator.change_budget(day(leased=60), 50, 2)
    assert book(cut).headroom == 0


def test_a_scope_whose_limit_was_cut_has_no_headroom_and_wants_its_money_back() -> None:
    cut = book(day(leased=60), balance=50)
    assert cut.headroom == 0
    assert cut.must_return


def test_releasing_is_the_way_back() -> None:
    moved = coordinator.allocate(book(total=500), 30)
    assert coordinator.release(moved, 30) == book(total=500)


def test_releasing_nothing_changes_nothing() -> None:
    assert coordinator.release(book(), 0) == book()


def test_more_than_was_committed_cannot_come_back() -> None:
    with pytest.raises(EscrowError):
        coordinator.release(Book(day(allocated=5), Scope(4, 100), Scope(5)), 5)


def test_a_scope_refuses_to_commit_beyond_its_limit() -> None:
    with pytest.raises(EscrowError, match="does not fit"):
        Scope(90, 100).commit(11)


def test_a_raised_budget_is_in_force_at_once() -> None:
    raised = coordinator.change_budget(day(leased=60), 150, 2)
    assert (raised.budget, raised.available, raised.version) == (150, 90, 2)


def test_a_cut_above_what_is_out_is_in_force_at_once() -> None:
    cut = coordinator.change_budget(day(leased=60), 70, 2)
    assert (cut.budget, cut.available) == (70, 10)


def test_a_cut_below_what_is_out_leaves_the_effective_floor() -> None:
    cut = coordinator.change_budget(day(leased=40, settled=20), 30, 2)
    assert (cut.asked, cut.budget, cut.available) == (30, 60, 0)
    assert cut.is_over


def test_the_budget_in_force_sinks_as_money_returns() -> None:
    cut = coordinator.change_budget(day(allocated=40, settled=20), 30, 2)
    after = coordinator.release(book(cut), 25)
    assert (after.day.budget, after.day.available) == (35, 0)
    at_asked = coordinator.release(after, 15)
    assert (at_asked.day.budget, at_asked.day.available) == (30, 10)


def test_old_news_of_a_budget_is_ignored() -> None:
    raised = coordinator.change_budget(day(), 150, 3)
    assert coordinator.change_budget(raised, 10, 2) == raised
    assert coordinator.change_budget(raised, 10, 3) == raised


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(EscrowError):
        coordinator.change_budget(day(), -1, 2)


def test_a_lease_takes_from_the_allocated_and_gets_the_next_number() -> None:
    leased = coordinator.lease_out(day(allocated=30), 20)
    assert (leased.allocated, leased.leased, leased.lease_no_high) == (10, 20, 1)


@pytest.mark.parametrize("amount", [0, -1, 31])
def test_a_lease_of_what_is_not_there_is_refused(amount: int) -> None:
    with pytest.raises(EscrowError):
        coordinator.lease_out(day(allocated=30), amount)


def test_setting_the_status_that_is_changes_nothing() -> None:
    the_day = day()
    assert coordinator.set_running(the_day, is_running=True) is the_day


@pytest.mark.parametrize(
    ("terms", "now_ms", "closes"),
    [
        ({}, 1000, True),
        ({}, 999, False),
        ({"leased": 1}, 1000, False),
        ({"settled": 9}, 1000, True),
    ],
)
def test_a_day_closes_when_it_is_over_and_nothing_is_out(
    *, terms: dict[str, int], now_ms: int, closes: bool
) -> None:
    assert coordinator.may_close(day(**terms), now_ms) is closes


def test_an_adopted_lease_takes_what_is_available() -> None:
    after = coordinator.adopt(book(balance=1000), 30, 7)
    assert (after.day.available, after.day.leased, after.day.excess) == (70, 30, 0)
    assert (after.balance.committed, after.total.committed) == (30, 30)
    assert after.day.lease_no_high == 7


def test_an_adopted_lease_beyond_the_budget_raises_it_as_excess() -> None:
    after = coordinator.adopt(book(day(leased=80), balance=80), 50, 1).day
    assert (after.asked, after.budget, after.available) == (100, 130, 0)
    assert (after.leased, after.excess) == (130, 30)


def test_adopting_commits_to_scopes_beyond_their_limit() -> None:
    after = coordinator.adopt(book(balance=10), 30, 1)
    assert after.balance.room == -20
    assert after.must_return


def test_excess_sinks_first_when_money_comes_back() -> None:
    adopted = coordinator.adopt(book(day(leased=80)), 50, 1)
    back = coordinator.move(adopted.day, "leased", "allocated", 20)
    after = coordinator.release(Book(back, adopted.balance, adopted.total), 20).day
    assert (after.budget, after.excess, after.available) == (110, 10, 0)


def test_a_raised_budget_covers_excess() -> None:
    adopted = coordinator.adopt(book(day(leased=80)), 50, 1).day
    assert coordinator.change_budget(adopted, 120, 2).excess == 10
    covered = coordinator.change_budget(adopted, 200, 2)
    assert (covered.excess, covered.budget, covered.available) == (0, 200, 70)


def test_excess_is_forgiven_when_it_cannot_come_back() -> None:
    adopted = coordinator.adopt(book(day(leased=80)), 50, 1).day
    assert coordinator.forgiven(adopted) == 0
    spent = coordinator.move(adopted, "leased", "settled", 120)
    assert coordinator.forgiven(spent) == 20
    assert coordinator.forgiven(coordinator.move(spent, "leased", "settled", 10)) == 30


def test_what_was_never_delivered_is_not_forgiven() -> None:
    adopted = coordinator.adopt(book(day(leased=80)), 50, 1).day
    lost = coordinator.move(adopted, "leased", "quarantined", 130)
    assert coordinator.forgiven(coordinator.move(lost, "quarantined", "written_off", 130)) == 0


def test_moving_more_than_there_is_is_refused() -> None:
    with pytest.raises(EscrowError):
        coordinator.move(day(leased=10), "leased", "settled", 11)
    with pytest.raises(EscrowError):
        coordinator.move(day(leased=10), "leased", "settled", -1)


def test_money_that_comes_back_opens_a_closed_day_again() -> None:
    closed = replace(day(quarantined=10), is_closed=True)
    assert not coordinator.move(closed, "quarantined", "leased", 10).is_closed
    assert coordinator.move(closed, "quarantined", "written_off", 10).is_closed


def hold(*parts: int) -> Hold:
    lines = [DebitLine(0, 1, 2, 3, bytes([n]) * 16, part) for n, part in enumerate(parts)]
    return Hold(b"d" * 16, 0, (1, 2, 3), 5, b"i" * 16, 1, lines)


def leases_of(one: Hold) -> dict[bytes, LeaseState]:
    regions = ("eu", "us")
    return {
        line.lease: LeaseState(
            line.lease, one.key, regions[n], line.amount_micros, line.amount_micros
        )
        for n, line in enumerate(one.lines)
    }


def test_a_released_hold_goes_back_to_the_regions_that_paid() -> None:
    one = hold(30, 20)
    leases = leases_of(one)
    after, back = coordinator.release_hold(day(held=50), one, leases)
    assert (after.held, after.allocated) == (0, 50)
    assert back == {"eu": 30, "us": 20}
    assert [lease.released for lease in leases.values()] == [30, 20]


def test_what_was_not_captured_goes_back_from_the_last_line() -> None:
    one = hold(30, 20)
    after, back = coordinator.release_hold(day(held=50), one, leases_of(one), 25)
    assert (after.held, after.allocated) == (25, 25)
    assert back == {"us": 20, "eu": 5}


def test_more_than_was_held_is_not_released() -> None:
    one = hold(30)
    with pytest.raises(EscrowError):
        coordinator.release_hold(day(held=50), one, leases_of(one), 31)
