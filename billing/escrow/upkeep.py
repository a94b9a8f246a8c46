"""The coordinator's tick: the census, campaign-days, changed budgets and statuses, marks and holds, unleased money.

It compares what is asked for (campaigns) with what is in force (campaign-days) instead of trusting news: a lost or
repeated message cannot make them differ for longer than a tick. Several treasuries may run it: rows are locked, and
every step says what to do again when it is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from billing.escrow import allocator, census, coordinator, marks
from billing.escrow.journal import Journal
from billing.escrow.store import Asked, EscrowStore
from billing.escrow.values import Book, Day, Key
from rtbplatform.kernel.protocol import ProtocolTimes

BATCH = 200


def tick(
    store: EscrowStore, journal: Journal, region: str, times: ProtocolTimes, now_ms: int
) -> dict[str, int]:
    """One round; returns how many rows each step wrote. Raises what the store and the journal raise."""

    def bring_up_to_date() -> int:
        return reconcile(store, journal, times, now_ms)

    census.step(store, journal, region, bring_up_to_date, now_ms)
    return {
        "reconciled": bring_up_to_date(),
        "marked": marks.make(store),
        "released": marks.release(store),
        "rebalanced": rebalance(store, times, now_ms),
        "forgiven": forgive(store),
        "closed": store.close_days(now_ms),
    }


def reconcile(store: EscrowStore, journal: Journal, times: ProtocolTimes, now_ms: int) -> int:
    """Opens today's campaign-days, and the next ones shortly before they start; applies changed budgets and statuses.

    A version is in the journal before it is in force: a restored database cannot take it for one that never was.
    """
    wanted = store.differences(now_ms, times.lease_term_ms)
    journal.budgets({asked.campaign: asked.version for asked in wanted})
    for start in range(0, len(wanted), BATCH):
        _apply(store, wanted[start : start + BATCH])
    return len(wanted)


def _apply(store: EscrowStore, wanted: Sequence[Asked]) -> None:
    with store.transaction():
        # The scopes' locks keep another treasury from making the same campaign-days.
        store.lock_scopes([asked.key[:2] for asked in wanted])
        store.set_totals(wanted)
        days = store.lock_days([asked.key for asked in wanted])
        for asked in wanted:
            day = days.get(asked.key) or _opened(asked)
            day = coordinator.change_budget(day, asked.daily_micros, asked.version)
            days[asked.key] = coordinator.set_running(day, is_running=asked.is_running)
        store.save_days(days.values())
        # A cut or a pause takes back what regions have not leased at once: the effective floor is without it.
        back = [key for key, day in days.items() if day.is_over or not day.is_running]
        _spread(store, back, ProtocolTimes(), 0, may_allocate=False)


def _opened(asked: Asked) -> Day:
    return coordinator.open_day(
        *asked.key,
        asked=asked.daily_micros,
        version=asked.version,
        starts_ms=asked.starts_ms,
        ends_ms=asked.ends_ms,
        is_running=asked.is_running,
        currency=asked.currency,
    )


def rebalance(store: EscrowStore, times: ProtocolTimes, now_ms: int) -> int:
    """Spreads unleased money over regions by demand; takes back what must return. Returns campaign-days locked."""
    keep_s = allocator.KEEP_TERMS * times.lease_term_ms / 1000
    keys = store.unbalanced(now_ms, keep_s, allocator.TOLERANCE)
    for start in range(0, len(keys), BATCH):
        with store.transaction():
            may_allocate = store.gate().is_open
            _spread(store, keys[start : start + BATCH], times, now_ms, may_allocate=may_allocate)
    return len(keys)


def _spread(
    store: EscrowStore,
    keys: Sequence[Key],
    times: ProtocolTimes,
    now_ms: int,
    *,
    may_allocate: bool,
) -> None:
    if not keys:
        return
    balances, totals = store.lock_scopes([key[:2] for key in keys])
    days = store.lock_days(keys)
    regions = store.lock_regions(keys)
    before = dict(days)
    for key, day in days.items():
        is_running = day.is_running and now_ms < day.ends_ms
        rows = {name: row for (row_key, name), row in regions.items() if row_key == key}
        rates = {
            name: row.demand.now(now_ms, allocator.DEMAND_HALFLIFE_MS) for name, row in rows.items()
        }
        unleased = {name: row.unleased for name, row in rows.items()}
        book = Book(
            coordinator.set_running(day, is_running=is_running), balances[key[0]], totals[key[:2]]
        )
        book, after = allocator.spread(
            book, unleased, rates, times.lease_term_ms, may_allocate=may_allocate
        )
        days[key], balances[key[0]], totals[key[:2]] = book.day, book.balance, book.total
        for name, amount in after.items():
            rows[name].unleased = amount
    changed = {key for key in days if days[key] != before[key]}
    if not changed:
        return
    store.save_scopes([Book(days[key], balances[key[0]], totals[key[:2]]) for key in changed])
    store.save_days(days[key] for key in sorted(changed))
    store.save_regions({place: row for place, row in regions.items() if place[0] in changed})


def forgive(store: EscrowStore) -> int:
    """Posts what was delivered beyond a budget as the platform's loss (R7); back, when a newer budget covers it."""
    keys = store.forgiving()
    for key in keys:
        with store.transaction():
            day = store.lock_days([key])[key]
            amount = coordinator.forgiven(day)
            if amount == day.forgiven:
                continue
            store.post_forgiven(day, amount - day.forgiven)
            store.save_days([replace(day, forgiven=amount)])
        if amount > day.forgiven:
            store.alarm(
                "platform_loss",
                f"campaign {day.campaign} day {day.day}",
                f"{amount} micros were delivered beyond the budget, on leases that a restore had lost",
            )
    return len(keys)
