"""Charging on the billing notice: what becomes of holds by claims, voids, and notices that came before their debit.

The first settled decides: a hold that was captured stays so, one that was released is billed to the platform (R7).
"""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from billing.escrow.store import Orphan
from billing.escrow.values import Hold, Key, LeaseState
from billing.settlement.changes import Effects, StreamError, StreamState
from billing.settlement.naming import ID_BYTES
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import AuctionEntry, Claim, DebitLine, NoticeEntry

UNDECIDED = ("held", "quarantined")
"""States of a hold whose money is in the term of that name; in other states it is in none."""


def place_holds(state: StreamState, effects: Effects, seq: int, entry: AuctionEntry) -> None:
    """A debit that waits for its billing notice: a hold per imp. Notices that came before it are applied at once."""
    lines = sorted(entry.lines, key=attrgetter("imp"))
    for imp, group in groupby(lines, key=attrgetter("imp")):
        hold = _new_hold(state, seq, entry, imp, list(group))
        name = (hold.debit_id, imp)
        known = state.holds.get(name)
        if known is not None and not is_vacant(known):
            raise StreamError(f"entry {seq} holds debit {hold.debit_id.hex()} a second time")
        state.holds[name] = effects.holds[name] = hold
        for orphan in state.orphans.pop(name, ()):
            effects.taken.append(orphan)
            settle_claim(state, effects, seq, hold, orphan.claim)


def _new_hold(
    state: StreamState, seq: int, entry: AuctionEntry, imp: int, lines: list[DebitLine]
) -> Hold:
    keys = {(line.advertiser, line.campaign, line.day) for line in lines}
    if len(keys) != 1:
        raise StreamError(f"entry {seq} holds an imp for several campaign-days")
    return Hold(
        debit_id=entry.debit_id,
        imp=imp,
        key=keys.pop(),
        exchange=entry.exchange,
        incarnation=state.incarnation,
        seq=seq,
        lines=lines,
        horizon_ms=entry.hold_ms,
        born_mark=state.mark,
    )


def is_vacant(hold: Hold) -> bool:
    """Whether it only keeps the place of a debit whose stream is being recovered: its notices wait again."""
    return hold.seq == 0 and hold.state == "void"


def take_notice(state: StreamState, effects: Effects, seq: int, entry: NoticeEntry) -> None:
    """A notice with a claim: settles its hold, or waits for it."""
    claim = entry.claim
    if claim is None:
        return
    if claim.kind not in {"billing", "loss"} or min(claim.bill_micros, claim.hold_micros) < 0:
        raise StreamError(f"entry {seq} claims {claim.kind} of {claim.bill_micros}")
    if not len(entry.debit_id) == len(claim.lease) == ID_BYTES:
        raise StreamError(f"entry {seq} claims what is no debit of a lease")
    hold = state.holds.get((entry.debit_id, claim.imp))
    if hold is not None and not is_vacant(hold):
        settle_claim(state, effects, seq, hold, claim)
        return
    orphan = Orphan(entry.debit_id, entry.exchange, claim)
    lease = state.leases.get(claim.lease)
    if lease is not None and lease.state in {"quarantined", "written_off"}:
        take_lost(state, effects, seq, orphan, lease)
        return
    waiting = state.orphans.setdefault((entry.debit_id, claim.imp), [])
    if all(one.claim.kind != claim.kind for one in waiting):
        waiting.append(orphan)
        effects.parked.append(orphan)


def settle_claim(state: StreamState, effects: Effects, seq: int, hold: Hold, claim: Claim) -> None:
    """What a claim does to a hold."""
    if key_of(claim) != hold.key:
        raise StreamError(f"entry {seq} claims a debit of another campaign-day")
    is_billing = claim.kind == "billing"
    if hold.state in UNDECIDED:
        effects.holds[hold.debit_id, hold.imp] = hold
        bill = min(claim.bill_micros, hold.amount)
        _settle_hold(state, effects, seq, hold, bill, is_billing=is_billing)
    elif is_billing and hold.state != "captured" and not hold.late:
        limit = hold.amount if hold.seq else claim.hold_micros
        _bill_late(effects, seq, hold, min(claim.bill_micros, limit))


def _settle_hold(
    state: StreamState, effects: Effects, seq: int, hold: Hold, bill: int, *, is_billing: bool
) -> None:
    captured = bill if is_billing else 0
    leave_term(effects, hold)
    rest = hold.amount - captured
    give_back(state, effects, hold, rest)
    if is_billing:
        effects.day(hold.key).settled += captured
        effects.spend(seq, (*hold.key, hold.exchange), captured)
    hold.captured = captured
    hold.state = "captured" if is_billing else "released"


def _bill_late(effects: Effects, seq: int, hold: Hold, bill: int) -> None:
    if not bill:
        return
    hold.late = bill
    effects.holds[hold.debit_id, hold.imp] = hold
    effects.lose(seq, (*hold.key, hold.exchange), bill)
    _alarm_late(effects, hold)


def _alarm_late(effects: Effects, hold: Hold) -> None:
    text = f"Debit {uuid_text(hold.debit_id)} was billed when its hold was gone: {hold.late} micros, paid by the platform."
    effects.alarms.append(("late_bill", f"campaign {hold.key[1]} day {hold.key[2]}", text))


def leave_term(effects: Effects, hold: Hold) -> None:
    """Its whole amount leaves the term it is in; the caller says where to."""
    day = effects.day(hold.key)
    if hold.state == "held":
        day.held -= hold.amount
    else:
        day.quarantined -= hold.amount


def give_back(state: StreamState, effects: Effects, hold: Hold, amount: int) -> None:
    """From the last line backwards, each to the region of its lease."""
    for line in reversed(hold.lines):
        part = min(amount, line.amount_micros)
        if not part:
            continue
        lease = state.leases[line.lease]
        lease.released += part
        effects.leases[lease.id] = lease
        effects.give_back(lease, part)
        amount -= part


def take_lost(
    state: StreamState, effects: Effects, seq: int, orphan: Orphan, lease: LeaseState
) -> None:
    """A claim whose debit was lost with its disk: captured from what that incarnation's leases have in quarantine.

    A debit may have spanned leases: the named one pays first, then the others of its campaign-day. What they do not
    have is the platform's loss.
    """
    claim = orphan.claim
    if key_of(claim) != lease.key:
        raise StreamError(
            f"entry {seq} claims lease {uuid_text(lease.id)} for another campaign-day"
        )
    bill = min(claim.bill_micros, claim.hold_micros) if claim.kind == "billing" else 0
    lines, missing = _take_from(effects, _payers(state, lease), claim, bill)
    day = effects.day(lease.key)
    day.quarantined -= bill - missing
    day.settled += bill - missing
    hold = Hold(
        debit_id=orphan.debit_id,
        imp=claim.imp,
        key=lease.key,
        exchange=orphan.exchange,
        incarnation=lease.incarnation,
        seq=0,
        lines=lines or [_line(claim, lease, 0)],
        state="captured"
        if claim.kind == "billing" and lease.state == "quarantined"
        else "released",
        captured=bill - missing,
        late=missing,
        mark=None,
    )
    state.holds[hold.debit_id, hold.imp] = effects.holds[hold.debit_id, hold.imp] = hold
    place = (*hold.key, hold.exchange)
    if hold.captured:
        effects.spend(seq, place, hold.captured)
    if missing:
        effects.lose(seq, place, missing)
        _alarm_late(effects, hold)


def _payers(state: StreamState, first: LeaseState) -> list[LeaseState]:
    others = [
        lease
        for lease in state.leases.values()
        if lease.state == "quarantined"
        and lease.incarnation == first.incarnation
        and lease.key == first.key
        and lease.id != first.id
    ]
    return [first, *sorted(others, key=attrgetter("no", "id"))]


def _take_from(
    effects: Effects, leases: list[LeaseState], claim: Claim, amount: int
) -> tuple[list[DebitLine], int]:
    """The lines of what was taken, and what no lease had."""
    lines: list[DebitLine] = []
    for lease in leases:
        part = min(amount, lease.rest) if lease.state == "quarantined" else 0
        if part:
            lease.settled += part
            effects.leases[lease.id] = lease
            lines.append(_line(claim, lease, part))
            amount -= part
    return lines, amount


def _line(claim: Claim, lease: LeaseState, amount: int) -> DebitLine:
    return DebitLine(claim.imp, *lease.key, lease.id, amount)


def key_of(claim: Claim) -> Key:
    return claim.advertiser, claim.campaign, claim.day
