"""Decisions over a campaign-day and its scopes: what may move, and what a changed budget means (R3, E2, E9)."""

from __future__ import annotations

from msgspec.structs import replace

from billing.escrow.values import Book, Day, EscrowError


def open_day(
    advertiser: int,
    campaign: int,
    day: int,
    *,
    asked: int,
    version: int,
    starts_ms: int,
    ends_ms: int,
    is_running: bool,
) -> Day:
    """A new campaign-day, all of it available."""
    return Day(
        advertiser=advertiser,
        campaign=campaign,
        day=day,
        asked=asked,
        budget=asked,
        version=version,
        is_running=is_running,
        available=asked,
        starts_ms=starts_ms,
        ends_ms=ends_ms,
    ).check()


def bring_into_force(day: Day) -> Day:
    """The budget in force: what was asked, or the effective floor while more than that is out.

    It rises at once; it sinks as money becomes available again.
    """
    change = max(day.asked - day.budget, -day.available)
    if not change:
        return day
    return replace(day, budget=day.budget + change, available=day.available + change).check()


def change_budget(day: Day, asked: int, version: int) -> Day:
    """A budget edit. News may come twice or out of order: only a higher version counts."""
    if version <= day.version:
        return day
    if asked < 0:
        raise EscrowError(f"a budget of {asked}")
    return bring_into_force(replace(day, asked=asked, version=version))


def set_running(day: Day, *, is_running: bool) -> Day:
    return day if day.is_running == is_running else replace(day, is_running=is_running)


def allocate(book: Book, amount: int) -> Book:
    """From the campaign-day to a region's row, in all scopes at once. Raises EscrowError beyond the headroom."""
    if not 0 <= amount <= book.headroom:
        raise EscrowError(f"{amount} is not within the headroom {book.headroom}")
    if not amount:
        return book
    day = replace(
        book.day, available=book.day.available - amount, allocated=book.day.allocated + amount
    )
    return Book(day.check(), book.balance.commit(amount), book.total.commit(amount))


def release(book: Book, amount: int) -> Book:
    """From a region's row back to the campaign-day and all its scopes; a cut takes it from there."""
    if not amount:
        return book
    day = replace(
        book.day, available=book.day.available + amount, allocated=book.day.allocated - amount
    ).check()
    balance, total = book.balance.commit(-amount), book.total.commit(-amount)
    return Book(bring_into_force(day), balance, total)


def lease_out(day: Day, amount: int) -> Day:
    """From a region's row to a lease; the caller takes it off the row. Assigns the lease its number."""
    if amount <= 0:
        raise EscrowError(f"a lease of {amount}")
    return replace(
        day,
        allocated=day.allocated - amount,
        leased=day.leased + amount,
        lease_no_high=day.lease_no_high + 1,
    ).check()


def may_close(day: Day, now_ms: int) -> bool:
    """Whether the day is over and nothing of it is out any more."""
    return now_ms >= day.ends_ms and not (day.allocated or day.leased or day.held)
