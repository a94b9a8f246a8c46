"""Takes a lost stream's money out of use, and brings it back: when its file is found after all, or by a sign-off.

What an incarnation still had when its outbox was lost may have been spent: it stays spent for the day, and returns to
nobody, until the outbox is recovered (`reopen`) or the exchanges' statements say what was delivered (`write_off`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from billing.escrow.store import Orphan, SettlementStore
from billing.escrow.values import Day, Hold, Incarnation, Key, LeaseState
from billing.settlement.changes import Effects, StreamState
from billing.settlement.claims import is_vacant, settle_claim, take_lost
from billing.settlement.saving import write
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import Claim


class QuarantineError(ValueError):
    """What a person asked for cannot be done; the message says why."""


def quarantine(store: SettlementStore, incarnation: bytes, *, reason: str) -> bool:
    """Ends a stream whose outbox is lost. False: it is unknown, closed or quarantined already. Call outside a
    transaction.

    Its open leases go to quarantine whole, as far as they are not settled. Notices that waited for its debits are
    captured from them at once: what an exchange has billed is delivered, whether we can still read the auction or not.
    """
    with store.transaction():
        # The mark first: whoever registers a banker holds the newest mark before it touches incarnations.
        mark = store.insert_mark()
        lost = store.lock_incarnations([incarnation], exclusive=True).get(incarnation)
        if lost is None or lost.is_done:
            return False
        opened = store.open_leases(incarnation)
        days = store.lock_days({lease.key for lease in opened})
        leases = store.leases([lease.id for lease in opened])
        effects = Effects()
        for lease in leases.values():
            _move(effects, lease, "quarantined")
        waiting = store.orphans_of_leases(list(leases)) if leases else []
        holds = store.holds({one.debit_id for one in waiting}) if waiting else {}
        state = StreamState(incarnation, lost.region, b"", leases=leases, holds=holds)
        for orphan in waiting:
            _take(state, effects, orphan)
        write(store, incarnation, days, effects)
        lost.state, lost.quarantine_mark, lost.alarm = "quarantined", mark, reason
        store.save_incarnation(lost)
    return True


def _move(effects: Effects, lease: LeaseState, state: str) -> None:
    """What is left on a lease, to quarantine or out of it."""
    day = effects.day(lease.key)
    amount = lease.rest if state == "quarantined" else -lease.rest
    day.leased -= amount
    day.quarantined += amount
    lease.state = state
    effects.leases[lease.id] = lease


def _take(state: StreamState, effects: Effects, orphan: Orphan) -> None:
    """The first notice of a debit decides, also when more of them waited."""
    effects.taken.append(orphan)
    hold = state.holds.get((orphan.debit_id, orphan.claim.imp))
    if hold is None or is_vacant(hold):
        take_lost(state, effects, 0, orphan, state.leases[orphan.claim.lease])
    else:
        settle_claim(state, effects, 0, hold, orphan.claim)


def reopen(store: SettlementStore, incarnation: bytes) -> None:
    """Its outbox was found: its stream can be settled to its end. Raises QuarantineError. Call outside a transaction.

    All that was decided without the stream is undone: the stream says it better. Notices wait for their debits again,
    holds that it blocked are held again; they stay so until it is settled, since it has not settled their marks.
    """
    with store.transaction():
        found = lock_quarantined(store, incarnation)
        days = lock_days_of(store, incarnation)
        leases = {lease.id: lease for lease in store.quarantined_leases(incarnation)}
        effects = Effects()
        for hold in store.holds_from_quarantine(incarnation):
            if not is_vacant(hold):
                _undo(effects, leases, hold)
        for lease in leases.values():
            _move(effects, lease, "open")
        for hold in store.holds_blocked_by(incarnation):
            effects.day(hold.key).quarantined -= hold.amount
            effects.day(hold.key).held += hold.amount
            hold.state, hold.blocked_by = "held", b""
            effects.holds[hold.debit_id, hold.imp] = hold
        write(store, incarnation, days, effects)
        found.state, found.quarantine_mark, found.alarm = "open", None, ""
        store.save_incarnation(found)


def _undo(effects: Effects, leases: Mapping[bytes, LeaseState], hold: Hold) -> None:
    """What a notice took from quarantined leases goes back to them, and the notice waits again."""
    place = (*hold.key, hold.exchange)
    for line in hold.lines:
        leases[line.lease].settled -= line.amount_micros
    day = effects.day(hold.key)
    day.settled -= hold.captured
    day.quarantined += hold.captured
    effects.spend(0, place, -hold.captured)
    effects.lose(0, place, -hold.late)
    bill = hold.captured + hold.late
    kinds = ["billing"] if hold.state == "captured" else ["loss"]
    if hold.state == "released" and hold.late:
        kinds.append("billing")
    effects.parked += [
        Orphan(
            hold.debit_id,
            hold.exchange,
            Claim(kind, hold.imp, *hold.key, hold.lines[0].lease, bill, bill),
        )
        for kind in kinds
    ]
    hold.state, hold.captured, hold.late, hold.lines = "void", 0, 0, []
    effects.holds[hold.debit_id, hold.imp] = hold


def lock_quarantined(store: SettlementStore, incarnation: bytes) -> Incarnation:
    """An incarnation whose quarantine a person may still decide on. Raises QuarantineError."""
    name = uuid_text(incarnation)
    locked = store.lock_incarnations([incarnation], exclusive=True).get(incarnation)
    if locked is None:
        raise QuarantineError(f"No incarnation {name} is known.")
    if locked.state != "quarantined":
        raise QuarantineError(f"Incarnation {name} is not in quarantine: it is {locked.state}.")
    if locked.quarantine_mark is None:
        raise QuarantineError(f"Incarnation {name} was written off: its money is accounted for.")
    return locked


def keys_of(store: SettlementStore, incarnation: bytes) -> set[Key]:
    """Campaign-days that have something in quarantine because of it."""
    holds = [*store.holds_blocked_by(incarnation), *store.holds_from_quarantine(incarnation)]
    return _keys(store.quarantined_leases(incarnation)) | _keys(holds)


def _keys(rows: Iterable[LeaseState] | Iterable[Hold]) -> set[Key]:
    return {row.key for row in rows}


def lock_days_of(
    store: SettlementStore, incarnation: bytes, more: Collection[Key] = ()
) -> dict[Key, Day]:
    """Those campaign-days, locked. Raises QuarantineError when another one came up meanwhile."""
    days = store.lock_days(keys_of(store, incarnation) | set(more))
    if not keys_of(store, incarnation) <= days.keys():
        raise QuarantineError("More holds were blocked just now: try again.")
    return days
