"""Decisions over a campaign-day and its scopes: what may move, and what a changed budget means (R3, E2, E9)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from billing.escrow.values import Book, Day, EscrowError, Hold, LeaseState


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
    currency: str = "",
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
        currency=currency,
    ).check()


def bring_into_force(day: Day) -> Day:
    """The budget in force: what was asked, or the effective floor while more than that is out.

    It rises at once; it sinks as money becomes available again, and what was adopted in excess sinks first.
    """
    change = max(day.asked - day.budget, -day.available)
    budget = day.budget + change
    excess = min(day.excess - max(0, -change), budget - day.asked)
    if not change and excess == day.excess:
        return day
    return replace(
        day, budget=budget, available=day.available + change, excess=max(0, excess)
    ).check()


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


def move(day: Day, source: str, target: str, amount: int) -> Day:
    """Money from one term of E2 to another. Raises EscrowError when the source does not have it.

    What comes back to a closed day opens it again, until the coordinator has taken it further.
    """
    if amount < 0:
        raise EscrowError(f"{amount} from {source} to {target}")
    if not amount:
        return day
    terms = {source: getattr(day, source) - amount, target: getattr(day, target) + amount}
    is_out = target in {"allocated", "leased", "held"}
    return replace(day, is_closed=day.is_closed and not is_out, **terms).check()


def adopt(book: Book, amount: int, no: int) -> Book:
    """A lease that was granted and then lost by a restore: it is out, whatever the budget says.

    It takes what is available; the rest raises the budget in force, as excess. Raises EscrowError for a lease of nothing.
    """
    if amount <= 0:
        raise EscrowError(f"a lease of {amount}")
    day = book.day
    beyond = max(0, amount - day.available)
    day = replace(
        day,
        budget=day.budget + beyond,
        excess=day.excess + beyond,
        available=day.available + beyond - amount,
        leased=day.leased + amount,
        lease_no_high=max(day.lease_no_high, no),
        is_closed=False,
    ).check()
    return Book(bring_into_force(day), book.balance.adopt(amount), book.total.adopt(amount))


def forgiven(day: Day) -> int:
    """What of the settled spend is the platform's loss: excess that cannot come back any more."""
    may_return = day.allocated + day.leased + day.held + day.quarantined + day.written_off
    return min(day.settled, max(0, day.excess - may_return))


def release_hold(
    day: Day, hold: Hold, leases: Mapping[bytes, LeaseState], amount: int | None = None
) -> tuple[Day, dict[str, int]]:
    """Gives back a held debit (or the part of it that was not captured), from its last line backwards.

    Changes `released` of its leases; returns the day, and what goes back to which region's row. Raises EscrowError when
    more is given back than is held.
    """
    left = hold.amount if amount is None else amount
    back: dict[str, int] = {}
    day = move(day, "held", "allocated", left)
    for line in reversed(hold.lines):
        part = min(left, line.amount_micros)
        if not part:
            continue
        lease = leases[line.lease]
        lease.released += part
        back[lease.region] = back.get(lease.region, 0) + part
        left -= part
    if left:
        raise EscrowError(f"{left} more is given back than was held: {hold}")
    return day, back


def may_close(day: Day, now_ms: int) -> bool:
    """Whether the day is over and nothing of it is out any more."""
    return now_ms >= day.ends_ms and not (day.allocated or day.leased or day.held)
