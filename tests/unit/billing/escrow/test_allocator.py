"""The allocator's decisions: sizes of leases, and how unleased money is spread over regions."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from billing.escrow import allocator, coordinator
from billing.escrow.allocator import Ask, Demand, Granted, Refused
from billing.escrow.sizing import lease_size
from billing.escrow.values import Book, Scope


def book(asked: int, *, allocated: int = 0, leased: int = 0, is_running: bool = True) -> Book:
    day = coordinator.open_day(
        1, 2, 3, asked=asked, version=7, starts_ms=0, ends_ms=1000, is_running=is_running
    )
    day = replace(
        day, available=asked - allocated - leased, allocated=allocated, leased=leased
    ).check()
    return Book(day, Scope(day.out, 10**12), Scope(day.out))


@pytest.mark.parametrize(
    ("free", "want", "bid", "holders", "size"),
    [
        (100_000, 500, 10, 1, 500),  # what the rate calls for
        (100_000, 50, 10, 1, 200),  # lo: at least 20 bids
        (1_000, 5_000, 10, 2, 250),  # hi wins over want
        (300, 50, 10, 1, 150),  # hi wins over lo
        (40, 50, 10, 3, 10),  # hi below a bid, but enough for one each: one bid
        (25, 50, 10, 3, 25),  # below one bid per holder: one gets the rest
        (15, 50, 10, 1, 15),  # less than two bids: no crumbs stay behind
        (9, 50, 10, 1, 0),  # below one bid: nothing
        (0, 50, 10, 1, 0),
        (100, 50, 0, 0, 50),  # degenerate requests are sized like the smallest
    ],
)
def test_lease_size(free: int, want: int, bid: int, holders: int, size: int) -> None:
    assert lease_size(free, want, bid, holders) == size


@pytest.mark.parametrize(
    ("free", "want", "holders", "need", "size"),
    [
        (100_000, 0, 1, 50, 100),  # twice what pacing needs, not twenty bids
        (100_000, 400, 1, 1_000, 400),  # the banker's own estimate is below it
        (100_000, 9_000, 1, 1_000, 2_000),
        (100_000, 9_000, 4, 1_000, 500),  # each holder its part
        (100_000, 9_000, 1, 0, 10),  # one bid at least
        (15, 9_000, 1, 0, 10),
        (15, 9_000, 1, 8, 15),
        (9, 9_000, 1, 100, 0),
        (100_000, 9_000, 1, None, 9_000),
    ],
)
def test_a_lease_holds_twice_what_pacing_needs_in_a_term(
    free: int, want: int, holders: int, need: int | None, size: int
) -> None:
    assert lease_size(free, want, 10, holders, need) == size


def test_a_grant_is_filled_up_from_the_campaign_day() -> None:
    granted = allocator.grant(Ask(10, 400, 1), book(1000, allocated=50), 50)
    assert isinstance(granted, Granted)
    assert granted.amount == 400
    assert granted.unleased == 0
    assert (granted.book.day.leased, granted.book.day.available) == (400, 600)
    assert granted.book.balance.committed == 400


def test_a_grant_takes_what_the_region_has_first() -> None:
    granted = allocator.grant(Ask(10, 200, 1), book(1000, allocated=500), 500)
    assert isinstance(granted, Granted)
    assert granted.unleased == 300
    assert granted.book.day.available == 500


def test_a_region_reaches_for_its_share_only() -> None:
    granted = allocator.grant(Ask(1, 10**9, 1, share=0.5), book(1000), 0)
    assert isinstance(granted, Granted)
    assert granted.amount == 250


def test_what_is_too_small_to_share_goes_to_who_asks() -> None:
    granted = allocator.grant(Ask(10, 100, 1, share=0.2), book(12), 0)
    assert isinstance(granted, Granted)
    assert granted.amount == 12


def test_nothing_is_granted_while_a_campaign_does_not_run() -> None:
    assert allocator.grant(Ask(1, 1, 1), book(10, is_running=False), 0) == Refused("not_running")


def test_nothing_is_granted_when_less_than_a_bid_is_left() -> None:
    assert allocator.grant(Ask(11, 11, 1), book(10), 0) == Refused("exhausted")


def test_nothing_is_granted_over_the_effective_floor() -> None:
    over = book(100, allocated=50, leased=50)
    cut = replace(over, day=coordinator.change_budget(over.day, 60, 8))
    assert allocator.grant(Ask(1, 10, 1), cut, 50) == Refused("exhausted")


def test_demand_fades_by_half_in_its_half_life() -> None:
    demand = Demand().asked(1000, 0, 60_000)
    assert demand.now(60_000, 60_000) == pytest.approx(demand.micros_s / 2)


def test_a_clock_that_jumps_back_does_not_raise_demand() -> None:
    demand = Demand(5.0, 1_000_000)
    assert demand.now(0, 60_000) == 5.0


def test_regions_get_what_they_ask_for_in_two_terms() -> None:
    after_book, after = allocator.spread(book(1000), {"a": 0, "b": 0}, {"a": 2.0, "b": 1.0}, 30_000)
    assert after == {"a": 120, "b": 60}
    assert after_book.day.allocated == 180


def test_where_it_does_not_suffice_regions_get_parts_by_demand() -> None:
    _, after = allocator.spread(book(90), {"a": 0, "b": 0}, {"a": 20.0, "b": 10.0}, 30_000)
    assert after == {"a": 60, "b": 30}


def test_money_moves_from_a_quiet_region_to_one_that_asks() -> None:
    start = book(100, allocated=100)
    _, after = allocator.spread(start, {"quiet": 100, "busy": 0}, {"busy": 50.0}, 30_000)
    assert after == {"quiet": 0, "busy": 100}


def test_small_differences_stay_where_they_are() -> None:
    start = book(1000, allocated=115)
    unchanged, after = allocator.spread(start, {"a": 115}, {"a": 1.8}, 30_000)
    assert after == {"a": 115}
    assert unchanged == start


def test_what_must_return_returns_whole() -> None:
    start = book(100, allocated=30)
    paused = replace(start, day=coordinator.set_running(start.day, is_running=False))
    after_book, after = allocator.spread(paused, {"a": 20, "b": 10}, {"a": 9.0}, 30_000)
    assert after == {"a": 0, "b": 0}
    assert after_book.day.available == 100
