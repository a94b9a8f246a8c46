"""Locks and loads what a run of chunks names, in the one order of `escrow.store`.

Scopes come before campaign-days, and are needed only where a lease has to be adopted: so leases are looked up without
locks first. They never disappear, so what is known then is known later; what is not is looked up again under the locks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct, field

from billing.escrow.store import EarlierDebit, SettlementStore
from billing.escrow.values import Day, Hold, Incarnation, Key, LeaseState, Scope
from billing.settlement.changes import HoldKey, Numbered, StreamState
from billing.settlement.naming import Named, names


class Loaded(Struct):
    """All that was locked, and what the fold gets of it."""

    state: StreamState
    days: dict[Key, Day]
    balances: dict[int, Scope] = field(default_factory=dict)
    totals: dict[tuple[int, int], Scope] = field(default_factory=dict)


def load(
    store: SettlementStore, incarnation: Incarnation, chunks: Sequence[Numbered], lease_key: bytes
) -> Loaded:
    """Call with the incarnation locked exclusively: its stream and its leases stand still."""
    named = names(chunks)
    earlier = _earlier_debits(store, incarnation, named, chunks[0].first_seq)
    if named.has_fence:
        for lease in store.open_leases(incarnation.id):
            named.leases.add(lease.id)
            named.days.add(lease.key)
    balances, totals = _lock_scopes(store, named)
    days = store.lock_days(named.days) if named.days else {}
    # Only now: holds, and leases in quarantine, change under their campaign-day's lock.
    holds = _holds(store, named, earlier)
    state = StreamState(
        incarnation=incarnation.id,
        region=incarnation.region,
        lease_key=lease_key,
        census=store.gate().epoch if named.has_mark else 0,
        leases=_leases(store, named, holds.values()),
        debits=earlier,
        resolved={seq for seq, debit in earlier.items() if debit.is_resolved},
        holds=holds,
        orphans=store.orphans(named.held) if named.held else {},
        mark=incarnation.mark,
        epoch=incarnation.epoch,
    )
    return Loaded(state, days, balances, totals)


def _earlier_debits(
    store: SettlementStore, incarnation: Incarnation, named: Named, first_seq: int
) -> dict[int, EarlierDebit]:
    earlier = sorted(seq for seq in named.outcomes if seq < first_seq)
    return store.debits(incarnation.id, earlier) if earlier else {}


def _lock_scopes(
    store: SettlementStore, named: Named
) -> tuple[dict[int, Scope], dict[tuple[int, int], Scope]]:
    """Where a lease is unknown: it may have to be adopted. A notice of such a lease waits here as well for whoever
    adopts it, since it may have no campaign-day yet to wait at."""
    wanted = {change.lease: (change.advertiser, change.campaign) for change in named.accepted}
    wanted |= {claim.lease: (claim.advertiser, claim.campaign) for _, claim in named.claims}
    if not wanted:
        return {}, {}
    known = store.leases(wanted)
    pairs = {pair for lease, pair in wanted.items() if lease not in known}
    return store.lock_scopes(pairs) if pairs else ({}, {})


def _holds(
    store: SettlementStore, named: Named, earlier: dict[int, EarlierDebit]
) -> dict[HoldKey, Hold]:
    debits = named.held | {debit for debit, _ in named.claims}
    debits |= {debit.debit_id for debit in earlier.values() if debit.hold_ms}
    return store.holds(debits) if debits else {}


def _leases(
    store: SettlementStore, named: Named, holds: Collection[Hold]
) -> dict[bytes, LeaseState]:
    wanted = named.leases | {line.lease for hold in holds for line in hold.lines}
    leases = store.leases(wanted) if wanted else {}
    claimed = {claim.lease for _, claim in named.claims}
    lost = {
        lease.incarnation
        for lease in leases.values()
        if lease.state == "quarantined" and lease.id in claimed
    }
    for incarnation in sorted(lost):
        for lease in store.quarantined_leases(incarnation):
            if lease.key in named.days:
                leases.setdefault(lease.id, lease)
    return leases
