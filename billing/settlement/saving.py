"""Saves what a fold decided, in few statements: campaign-days, region rows, leases, holds, notices that wait, ledger."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from billing.escrow import coordinator
from billing.escrow.store import Region, SettlementStore
from billing.escrow.values import Book, Day, EscrowError, Incarnation, Key
from billing.settlement.apply import apply, day_of_lease
from billing.settlement.changes import DayChange, Effects
from billing.settlement.loading import Loaded


def save(
    store: SettlementStore, incarnation: Incarnation, loaded: Loaded, effects: Effects
) -> None:
    """Call inside the settling transaction, with everything locked. Raises EscrowError: then nothing may be kept."""
    if effects.adopted:
        _adopt(store, incarnation, loaded, effects)
    write(store, incarnation.id, loaded.days, effects)


def write(
    store: SettlementStore, incarnation: bytes, locked: Mapping[Key, Day], effects: Effects
) -> None:
    """All effects but adoption, on campaign-days that are locked. Raises EscrowError."""
    days = save_days(store, locked, effects.days)
    if effects.leases:
        store.save_leases(list(effects.leases.values()))
    if effects.holds:
        store.save_holds(list(effects.holds.values()))
    if effects.parked:
        store.park(incarnation, effects.parked)
    if effects.taken:
        store.take_orphans(effects.taken)
    post(store, incarnation, days, effects)
    for alarm in effects.alarms:
        store.alarm(*alarm)


def save_days(
    store: SettlementStore, locked: Mapping[Key, Day], changes: Mapping[Key, DayChange]
) -> dict[Key, Day]:
    """The campaign-days afterwards; what comes back goes to the region rows it was leased from."""
    days = {
        key: _forgive_less(store, apply(locked[key], change))
        for key, change in changes.items()
        if key in locked
    }
    for key in changes.keys() - days.keys():
        # A tombstone of a lease that was lost with its campaign-day moves nothing.
        if replace(changes[key], lease_no_high=0) != DayChange():
            raise EscrowError(f"campaign {key[1]} has no day {key[2]}")
    if days:
        store.save_days(days.values())
    returned = {
        (key, region): amount
        for key, change in changes.items()
        for region, amount in change.returned.items()
        if amount
    }
    if returned:
        regions = store.lock_regions({key for key, _ in returned})
        changed: dict[tuple[Key, str], Region] = {}
        for place, amount in sorted(returned.items()):
            changed[place] = regions.get(place) or Region()
            changed[place].unleased += amount
        store.save_regions(changed)
    return days


def _forgive_less(store: SettlementStore, day: Day) -> Day:
    """A void takes back spend that was the platform's loss already: no more than what is settled can be."""
    if day.forgiven <= day.settled:
        return day
    store.post_forgiven(day, day.settled - day.forgiven)
    return replace(day, forgiven=day.settled)


def post(
    store: SettlementStore, incarnation: bytes, days: Mapping[Key, Day], effects: Effects
) -> None:
    currencies = {key: day.currency for key, day in days.items()}
    spends = {place: spend for place, spend in effects.spends.items() if spend.amount}
    if spends:
        store.post_spends(incarnation, spends, currencies)
    losses = {place: spend for place, spend in effects.losses.items() if spend.amount}
    if losses:
        store.post_spends(incarnation, losses, currencies, is_loss=True)


def _adopt(
    store: SettlementStore, incarnation: Incarnation, loaded: Loaded, effects: Effects
) -> None:
    """Leases that the database had lost: rows for them, in all scopes, and no new lease where a newer budget was
    known than we have."""
    balances, totals = dict(loaded.balances), dict(loaded.totals)
    books: dict[Key, Book] = {}
    for lease in effects.adopted:
        pair = (lease.advertiser, lease.campaign)
        key = (*pair, lease.day)
        day = loaded.days.get(key) or day_of_lease(lease)
        book = Book(day, balances[pair[0]], totals[pair])
        book = coordinator.adopt(book, lease.amount_micros, lease.no)
        loaded.days[key], balances[pair[0]], totals[pair] = book.day, book.balance, book.total
        books[key] = book
    store.save_scopes([Book(books[key].day, balances[key[0]], totals[key[:2]]) for key in books])
    store.insert_leases(effects.adopted, incarnation.region, store.now_ms(), 0)
    versions = store.budget_versions({lease.campaign for lease in effects.adopted})
    newest: dict[int, int] = {}
    for lease in effects.adopted:
        newest[lease.campaign] = max(newest.get(lease.campaign, 0), lease.budget_version)
    for campaign, version in sorted(newest.items()):
        if campaign in versions and version > versions[campaign]:
            reason = f"a lease of budget version {version} came back; the database knows {versions[campaign]}"
            store.freeze(campaign, version, reason)
