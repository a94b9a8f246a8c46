"""Ends a quarantine by a sign-off: what exchanges' statements say was delivered is charged, the rest is free again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter

from msgspec import Struct

from billing.escrow.quarantine import QuarantineError, keys_of, lock_days_of, lock_quarantined
from billing.escrow.store import SettlementStore, SpendKey
from billing.escrow.values import Book, Day, Hold, Key, LeaseState, Scope
from billing.settlement.changes import Effects
from billing.settlement.saving import write


class WrittenOff(Struct, frozen=True):
    """What becomes of one campaign-day's money. Micros of its currency."""

    key: Key
    currency: str
    quarantined: int
    charged: int
    """Delivered, says the statement, and within what was in quarantine."""
    written_off: int
    """Not delivered: the campaign's total and the advertiser's balance get it back."""
    loss: int
    """Delivered beyond what was in quarantine: the platform's."""


def write_off(
    store: SettlementStore,
    incarnation: bytes,
    delivered: Mapping[SpendKey, int],
    *,
    dry_run: bool = False,
) -> list[WrittenOff]:
    """Decides a quarantine for good; `dry_run` only says what it would do. Call outside a transaction.

    Raises QuarantineError for an incarnation that is not in quarantine, was written off, or a campaign-day of which
    nothing is in quarantine.
    """
    with store.transaction():
        locked = lock_quarantined(store, incarnation)
        keys = keys_of(store, incarnation)
        _check(delivered, keys)
        balances, totals = store.lock_scopes({key[:2] for key in keys}) if keys else ({}, {})
        days = lock_days_of(store, incarnation, keys)
        effects = Effects()
        outcomes = _decide(store, incarnation, days, delivered, effects)
        if not dry_run:
            if outcomes:
                store.save_scopes(_freed(days, outcomes, balances, totals))
            write(store, incarnation, days, effects)
            locked.quarantine_mark = None
            store.save_incarnation(locked)
    return outcomes


def _check(delivered: Mapping[SpendKey, int], keys: Collection[Key]) -> None:
    for (advertiser, campaign, day, _), amount in delivered.items():
        if amount < 0:
            raise QuarantineError(f"{amount} micros cannot have been delivered.")
        if (advertiser, campaign, day) not in keys:
            raise QuarantineError(f"Nothing of campaign {campaign} on day {day} is in quarantine.")


def _freed(
    days: Mapping[Key, Day],
    outcomes: Collection[WrittenOff],
    balances: dict[int, Scope],
    totals: dict[tuple[int, int], Scope],
) -> list[Book]:
    """The scopes get back what was not delivered."""
    for one in outcomes:
        pair = one.key[:2]
        balances[pair[0]] = balances[pair[0]].commit(-one.written_off)
        totals[pair] = totals[pair].commit(-one.written_off)
    return [Book(days[one.key], balances[one.key[0]], totals[one.key[:2]]) for one in outcomes]


def _decide(
    store: SettlementStore,
    incarnation: bytes,
    days: Mapping[Key, Day],
    delivered: Mapping[SpendKey, int],
    effects: Effects,
) -> list[WrittenOff]:
    quarantined = store.quarantined_leases(incarnation)
    blocked = store.holds_blocked_by(incarnation)
    payers = {line.lease for hold in blocked for line in hold.lines}
    leases = store.leases(payers) if payers else {}
    leases |= {lease.id: lease for lease in quarantined}
    outcomes: list[WrittenOff] = []
    for key, day in sorted(days.items()):
        decision = _Decision(effects, leases, day)
        left = {place[3]: part for place, part in sorted(delivered.items()) if place[:3] == key}
        for hold in blocked:
            if hold.key == key:
                decision.take_hold(hold, left)
        for lease in sorted(quarantined, key=attrgetter("no", "id")):
            if lease.key == key:
                decision.take_lease(lease, left)
        outcomes.append(decision.end(left))
    return [one for one in outcomes if one.quarantined or one.loss]


class _Decision:
    """One campaign-day. What was delivered is taken from holds of its exchange first, then from leases by number."""

    def __init__(self, effects: Effects, leases: Mapping[bytes, LeaseState], day: Day) -> None:
        self._effects, self._leases, self._day = effects, leases, day
        self._pool = self._charged = 0

    def take_hold(self, hold: Hold, left: dict[int, int]) -> None:
        self._pool += hold.amount
        hold.captured = min(left.get(hold.exchange, 0), hold.amount)
        hold.state = "captured" if hold.captured else "released"
        self._charge(hold.exchange, hold.captured, left)
        self._effects.holds[hold.debit_id, hold.imp] = hold
        rest = hold.amount - hold.captured
        for line in reversed(hold.lines):
            part = min(rest, line.amount_micros)
            lease = self._leases[line.lease]
            lease.released += part
            self._effects.leases[lease.id] = lease
            rest -= part

    def take_lease(self, lease: LeaseState, left: dict[int, int]) -> None:
        self._pool += lease.rest
        for exchange, wanted in list(left.items()):
            part = min(wanted, lease.rest)
            lease.settled += part
            self._charge(exchange, part, left)
        lease.give_back("written_off")
        self._effects.leases[lease.id] = lease

    def _charge(self, exchange: int, amount: int, left: dict[int, int]) -> None:
        if amount:
            left[exchange] -= amount
            self._charged += amount
            self._effects.spend(0, (*self._day.key, exchange), amount)

    def end(self, left: Mapping[int, int]) -> WrittenOff:
        key, free = self._day.key, self._pool - self._charged
        change = self._effects.day(key)
        change.quarantined -= self._pool
        change.settled += self._charged
        change.written_off += free
        for exchange, amount in left.items():
            if amount:
                self._effects.lose(0, (*key, exchange), amount)
        loss = sum(left.values())
        return WrittenOff(key, self._day.currency, self._pool, self._charged, free, loss)
