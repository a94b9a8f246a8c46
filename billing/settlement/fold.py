"""What a run of chunks of one stream does to leases, holds, campaign-days and ledger: a pure fold, without I/O.

Each entry is checked against what this incarnation was granted. Whatever does not fit - a debit beyond its lease, on an
unknown or sealed one, a void of something never debited - is a `StreamError`: the stream stops with an alarm and
nothing is clamped (R6, R7).
"""

from __future__ import annotations

from collections.abc import Iterable

from billing.escrow.store import EarlierDebit
from billing.escrow.values import Key, LeaseState
from billing.settlement.changes import Effects, Numbered, StreamError, StreamState
from billing.settlement.claims import UNDECIDED, leave_term, place_holds, take_notice
from billing.settlement.naming import ID_BYTES
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    LossEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)


def fold(chunks: Iterable[Numbered], state: StreamState) -> Effects:
    """The effects of a run of chunks; changes `state` along. Raises StreamError: then `state` is not to be used."""
    run = _Fold(state)
    for chunk in chunks:
        for seq, entry in enumerate(chunk.entries, start=chunk.first_seq):
            run.take(seq, entry)
    return run.effects


def is_adoptable(state: StreamState, change: LeaseChange) -> bool:
    """Whether a lease that the database does not know was granted by us, to this incarnation, as it is told here."""
    lease = change.lease_signed
    return (
        change.kind == "accepted"
        and lease is not None
        and lease.incarnation == state.incarnation
        and (lease.id, lease.advertiser, lease.campaign, lease.day, lease.amount_micros)
        == (change.lease, *_key(change), change.amount_micros)
        and lease.verify(state.lease_key)
    )


class _Fold:
    def __init__(self, state: StreamState) -> None:
        self.state = state
        self.effects = Effects()

    def take(self, seq: int, entry: Entry) -> None:
        if self.state.is_fenced:
            raise StreamError(f"entry {seq} stands after the fence")
        match entry:
            case AuctionEntry():
                if entry.lines:
                    self._debit(seq, entry)
            case OutcomeEntry():
                self._outcomes(seq, entry)
            case LeaseEntry():
                for change in entry.changes:
                    self._change(seq, change)
            case NoticeEntry():
                take_notice(self.state, self.effects, seq, entry)
            case FenceEntry():
                self._fence()
            case MarkEntry():
                self._mark(entry)
            case LossEntry():
                self.effects.dropped_events += entry.dropped

    def _debit(self, seq: int, entry: AuctionEntry) -> None:
        if len(entry.debit_id) != ID_BYTES:
            raise StreamError(f"entry {seq} debits without a debit id")
        for line in entry.lines:
            lease, amount = self._lease(seq, line), line.amount_micros
            if lease.state != "open":
                raise StreamError(f"entry {seq} debits {lease.state} lease {uuid_text(lease.id)}")
            if lease.settled + amount > lease.amount:
                raise StreamError(
                    f"entry {seq} debits lease {uuid_text(lease.id)} beyond its amount: "
                    f"{lease.settled} + {amount} > {lease.amount}"
                )
            lease.settled += amount
            day = self.effects.day(lease.key)
            day.leased -= amount
            if entry.hold_ms:
                day.held += amount
            else:
                day.settled += amount
                self.effects.spend(seq, (*lease.key, entry.exchange), amount)
        self.state.debits[seq] = EarlierDebit(
            entry.debit_id, entry.lines, entry.hold_ms, is_resolved=False
        )
        if entry.hold_ms:
            place_holds(self.state, self.effects, seq, entry)

    def _outcomes(self, seq: int, entry: OutcomeEntry) -> None:
        for outcome in entry.void:
            self._void(seq, outcome)
        for outcome in entry.unknown:
            self._unknown(seq, outcome)

    def _void(self, seq: int, outcome: Outcome) -> None:
        """R8: an answer given up before a byte was written: the money is back where it came from."""
        debit = self._resolve(seq, outcome)
        if debit.hold_ms:
            self._void_holds(seq, debit)
            return
        for line in outcome.lines:
            lease = self._undebit(seq, line)
            self.effects.day(lease.key).settled -= line.amount_micros
            self.effects.spend(seq, (*lease.key, outcome.exchange), -line.amount_micros)

    def _void_holds(self, seq: int, debit: EarlierDebit) -> None:
        for imp in sorted({line.imp for line in debit.lines}):
            hold = self.state.holds.get((debit.debit_id, imp))
            if hold is None:
                raise StreamError(f"entry {seq} voids a hold that was never settled")
            if hold.state == "captured":
                text = f"Debit {uuid_text(hold.debit_id)} was billed although its answer was never sent."
                self.effects.alarms.append(("void_billed", uuid_text(hold.debit_id), text))
            elif hold.state in UNDECIDED:
                leave_term(self.effects, hold)
                for line in hold.lines:
                    self._undebit(seq, line)
                hold.state = "void"
                self.effects.holds[hold.debit_id, imp] = hold

    def _undebit(self, seq: int, line: DebitLine) -> LeaseState:
        """Back on its lease; to its region once that is closed."""
        lease, amount = self._lease(seq, line), line.amount_micros
        if amount > lease.settled - lease.released:
            raise StreamError(f"entry {seq} voids more than lease {uuid_text(lease.id)} spent")
        lease.settled -= amount
        if lease.state == "open":
            self.effects.day(lease.key).leased += amount
        else:
            lease.returned += amount
            self.effects.give_back(lease, amount)
        return lease

    def _unknown(self, seq: int, outcome: Outcome) -> None:
        """R8: nobody knows whether the answer was sent: it stays spent, and is listed; a hold follows its horizon."""
        debit = self._resolve(seq, outcome)
        for line in outcome.lines:
            lease = self._lease(seq, line)
            hold = self.state.holds.get((debit.debit_id, line.imp)) if debit.hold_ms else None
            if hold is not None:
                hold.is_unknown = True
                self.effects.holds[hold.debit_id, hold.imp] = hold
            elif debit.hold_ms:
                raise StreamError(f"entry {seq} names a hold that was never settled")
            else:
                self.effects.day(lease.key).unknown += line.amount_micros

    def _resolve(self, seq: int, outcome: Outcome) -> EarlierDebit:
        debit = self.state.debits.get(outcome.seq)
        if outcome.seq in self.state.resolved:
            raise StreamError(f"entry {seq} gives entry {outcome.seq} a second outcome")
        if debit is None or debit.lines != outcome.lines:
            raise StreamError(f"entry {seq} names another debit than entry {outcome.seq} holds")
        self.state.resolved.add(outcome.seq)
        return debit

    def _change(self, seq: int, change: LeaseChange) -> None:
        lease = self.state.leases.get(change.lease)
        if lease is None:
            if self._take_unknown(seq, change):
                return
            lease = self.state.leases[change.lease]
        self._check_change(seq, self._own(seq, lease), change)
        if change.kind == "accepted":
            lease.is_accepted = True
        else:
            self._close(lease, change.kind)

    def _check_change(self, seq: int, lease: LeaseState, change: LeaseChange) -> None:
        name = uuid_text(lease.id)
        if change.kind not in {"accepted", "sealed", "tombstoned"}:
            raise StreamError(f"entry {seq}: unknown lease change {change.kind!r}")
        if _key(change) != lease.key or change.amount_micros != lease.amount:
            raise StreamError(f"entry {seq} describes lease {name} otherwise")
        if lease.state != "open" or (lease.is_accepted and change.kind != "sealed"):
            raise StreamError(f"entry {seq}: {change.kind} after {lease.state} of {name}")
        if change.spent_micros != lease.settled:
            raise StreamError(
                f"entry {seq}: lease {name} spent {lease.settled}, not {change.spent_micros}"
            )

    def _take_unknown(self, seq: int, change: LeaseChange) -> bool:
        """A lease that the database does not know: adopted on our signature (False: go on with it), or never accepted
        and so without money (True). Raises StreamError for one that was never granted."""
        if change.kind in {"sealed", "tombstoned"} and not change.spent_micros:
            day = self.effects.day(_key(change))
            day.lease_no_high = max(day.lease_no_high, change.no)
            return True
        lease = change.lease_signed
        if lease is None or not is_adoptable(self.state, change):
            raise _never_granted(seq, change.lease)
        self.state.leases[lease.id] = LeaseState(
            id=lease.id,
            key=_key(change),
            region=self.state.region,
            amount=lease.amount_micros,
            incarnation=lease.incarnation,
            no=lease.no,
        )
        self.effects.adopted.append(lease)
        day = self.effects.day(_key(change))
        day.lease_no_high = max(day.lease_no_high, lease.no)
        return False

    def _close(self, lease: LeaseState, state: str) -> None:
        remainder = lease.give_back(state)
        self.effects.day(lease.key).leased -= remainder
        self.effects.give_back(lease, remainder)

    def _fence(self) -> None:
        """R1 (b): the stream is settled to its end, so what is left on its leases is free."""
        for lease in self.state.leases.values():
            if lease.state == "open" and lease.incarnation == self.state.incarnation:
                self.effects.leases[lease.id] = lease
                self._close(lease, "fenced")
        self.state.is_fenced = True

    def _mark(self, entry: MarkEntry) -> None:
        """Marks of another census are of a history that a restore has lost: their numbers say nothing here."""
        if entry.epoch == self.state.census:
            self.state.mark = max(self.state.mark, entry.no)
            self.state.epoch = max(self.state.epoch, entry.epoch)

    def _own(self, seq: int, lease: LeaseState | None, name: bytes = b"") -> LeaseState:
        if lease is None or lease.incarnation != self.state.incarnation:
            raise _never_granted(seq, lease.id if lease else name)
        self.effects.leases[lease.id] = lease
        return lease

    def _lease(self, seq: int, line: DebitLine) -> LeaseState:
        lease = self._own(seq, self.state.leases.get(line.lease), line.lease)
        if (line.advertiser, line.campaign, line.day) != lease.key:
            raise StreamError(
                f"entry {seq} charges lease {uuid_text(lease.id)} to another campaign-day"
            )
        if line.amount_micros < 0:
            raise StreamError(f"entry {seq} debits {line.amount_micros}")
        return lease


def _key(change: LeaseChange) -> Key:
    return change.advertiser, change.campaign, change.day


def _never_granted(seq: int, lease: bytes) -> StreamError:
    return StreamError(f"entry {seq} names lease {lease.hex()}, which it was never granted")
