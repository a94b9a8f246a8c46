"""What a run of chunks of one stream does to leases, campaign-days and ledger: a pure fold, without I/O.

Each entry is checked against what this incarnation was granted. Whatever does not fit - a debit beyond its lease, on an
unknown or sealed one, a void of something never debited - is a `StreamError`: the stream stops with an alarm and
nothing is clamped (R6, R7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    Outcome,
    OutcomeEntry,
)

Key = tuple[int, int, int]
"""A campaign-day: (advertiser, campaign, day)."""


class StreamError(Exception):
    """This stream contradicts what it was granted, or itself: a person must look."""


class LeaseState(Struct):
    """A lease of this incarnation, as settled so far. Micros."""

    id: bytes
    key: Key
    region: str
    amount: int
    settled: int = 0
    returned: int = 0
    state: str = "open"
    is_accepted: bool = False

    def give_back(self, state: str) -> int:
        """Closes it; what was left of it."""
        self.state, self.returned = state, self.amount - self.settled
        return self.returned


class StreamState(Struct):
    """What the fold needs to know of a stream: its leases, and earlier debits that outcomes refer to."""

    leases: dict[bytes, LeaseState]
    debits: dict[int, list[DebitLine]] = field(default_factory=dict)
    """Lines by sequence number."""
    resolved: set[int] = field(default_factory=set)
    """Sequence numbers whose outcome (void or unknown) is settled already."""
    is_fenced: bool = False


class DayChange(Struct):
    """What a campaign-day's terms change by; their sum is zero."""

    leased: int = 0
    settled: int = 0
    unknown: int = 0
    returned: dict[str, int] = field(default_factory=dict)
    """By region: what comes back to its unleased money."""


class Spend(Struct):
    """Net spend of one campaign-day on one exchange, and which entries it comes from."""

    amount: int
    first_seq: int
    last_seq: int


class Effects(Struct):
    """What has to be written for a run of chunks, all of it in one transaction."""

    days: dict[Key, DayChange] = field(default_factory=dict)
    leases: dict[bytes, LeaseState] = field(default_factory=dict)
    spends: dict[tuple[int, int, int, int], Spend] = field(default_factory=dict)
    """By (advertiser, campaign, day, exchange)."""
    dropped_events: int = 0
    is_fenced: bool = False


class Numbered(Struct, frozen=True):
    """The entries of a chunk, from its first sequence number."""

    first_seq: int
    entries: Sequence[Entry]


def leases_named(chunks: Iterable[Numbered]) -> set[bytes]:
    """Every lease that a run of chunks refers to: what `StreamState.leases` must hold."""
    named: set[bytes] = set()
    for chunk in chunks:
        for entry in chunk.entries:
            match entry:
                case AuctionEntry():
                    named.update(line.lease for line in entry.lines)
                case OutcomeEntry():
                    for outcome in (*entry.void, *entry.unknown):
                        named.update(line.lease for line in outcome.lines)
                case LeaseEntry():
                    named.update(change.lease for change in entry.changes)
    return named


def outcomes_named(chunks: Iterable[Numbered]) -> set[int]:
    """Sequence numbers of debits that outcomes with money in a run of chunks refer to."""
    return {
        outcome.seq
        for chunk in chunks
        for entry in chunk.entries
        if isinstance(entry, OutcomeEntry)
        for outcome in (*entry.void, *entry.unknown)
    }


def has_fence(chunks: Iterable[Numbered]) -> bool:
    """Whether a stream ends here: then `StreamState.leases` must hold all open leases of the incarnation."""
    return any(isinstance(entry, FenceEntry) for chunk in chunks for entry in chunk.entries)


def settle(chunks: Iterable[Numbered], state: StreamState) -> Effects:
    """The effects of a run of chunks; changes `state` along. Raises StreamError: then `state` is not to be used."""
    fold = _Fold(state)
    for chunk in chunks:
        for seq, entry in enumerate(chunk.entries, start=chunk.first_seq):
            fold.take(seq, entry)
    return fold.effects


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
                for outcome in entry.void:
                    self._void(seq, outcome)
                for outcome in entry.unknown:
                    self._unknown(seq, outcome)
            case LeaseEntry():
                for change in entry.changes:
                    self._change(seq, change)
            case FenceEntry():
                self._fence()
            case _:
                self.effects.dropped_events += getattr(entry, "dropped", 0)

    def _debit(self, seq: int, entry: AuctionEntry) -> None:
        if not entry.debit_id:
            raise StreamError(f"entry {seq} debits without a debit id")
        for line in entry.lines:
            lease = self._lease(seq, line)
            if lease.state != "open":
                raise StreamError(f"entry {seq} debits {lease.state} lease {uuid_text(lease.id)}")
            if lease.settled + line.amount_micros > lease.amount:
                raise StreamError(
                    f"entry {seq} debits lease {uuid_text(lease.id)} beyond its amount: "
                    f"{lease.settled} + {line.amount_micros} > {lease.amount}"
                )
            lease.settled += line.amount_micros
            day = self._day(lease.key)
            day.leased -= line.amount_micros
            day.settled += line.amount_micros
            self._spend(seq, entry.exchange, line, line.amount_micros)
        self.state.debits[seq] = entry.lines

    def _void(self, seq: int, outcome: Outcome) -> None:
        """R8: an answer given up before a byte was written: the money is back where it came from."""
        self._resolve(seq, outcome)
        for line in outcome.lines:
            lease = self._lease(seq, line)
            if line.amount_micros > lease.settled:
                raise StreamError(f"entry {seq} voids more than lease {uuid_text(lease.id)} spent")
            lease.settled -= line.amount_micros
            day = self._day(lease.key)
            day.settled -= line.amount_micros
            if lease.state == "open":
                day.leased += line.amount_micros
            else:
                lease.returned += line.amount_micros
                self._return(lease, line.amount_micros)
            self._spend(seq, outcome.exchange, line, -line.amount_micros)

    def _unknown(self, seq: int, outcome: Outcome) -> None:
        """R8: nobody knows whether the answer was sent: it stays spent, and is listed."""
        self._resolve(seq, outcome)
        for line in outcome.lines:
            self._day(self._lease(seq, line).key).unknown += line.amount_micros

    def _resolve(self, seq: int, outcome: Outcome) -> None:
        if outcome.seq in self.state.resolved:
            raise StreamError(f"entry {seq} gives entry {outcome.seq} a second outcome")
        if self.state.debits.get(outcome.seq) != outcome.lines:
            raise StreamError(f"entry {seq} names another debit than entry {outcome.seq} holds")
        self.state.resolved.add(outcome.seq)

    def _change(self, seq: int, change: LeaseChange) -> None:
        lease = self._known(seq, change.lease)
        key = (change.advertiser, change.campaign, change.day)
        if key != lease.key or change.amount_micros != lease.amount:
            raise StreamError(f"entry {seq} describes lease {uuid_text(lease.id)} otherwise")
        if lease.state != "open" or (lease.is_accepted and change.kind != "sealed"):
            raise StreamError(
                f"entry {seq}: {change.kind} after {lease.state} of {uuid_text(lease.id)}"
            )
        if change.spent_micros != lease.settled:
            raise StreamError(
                f"entry {seq}: lease {uuid_text(lease.id)} spent {lease.settled}, not {change.spent_micros}"
            )
        match change.kind:
            case "accepted":
                lease.is_accepted = True
            case "sealed" | "tombstoned":
                self._close(lease, change.kind)
            case _:
                raise StreamError(f"entry {seq}: unknown lease change {change.kind!r}")

    def _close(self, lease: LeaseState, state: str) -> None:
        remainder = lease.give_back(state)
        self._day(lease.key).leased -= remainder
        self._return(lease, remainder)

    def _fence(self) -> None:
        """R1 (b): the stream is settled to its end, so what is left on its leases is free."""
        for lease in self.state.leases.values():
            if lease.state == "open":
                self.effects.leases[lease.id] = lease
                self._close(lease, "fenced")
        self.state.is_fenced = self.effects.is_fenced = True

    def _known(self, seq: int, lease_id: bytes) -> LeaseState:
        lease = self.state.leases.get(lease_id)
        if lease is None:
            raise StreamError(
                f"entry {seq} names lease {lease_id.hex()}, which it was never granted"
            )
        self.effects.leases[lease_id] = lease
        return lease

    def _lease(self, seq: int, line: DebitLine) -> LeaseState:
        lease = self._known(seq, line.lease)
        if (line.advertiser, line.campaign, line.day) != lease.key:
            raise StreamError(
                f"entry {seq} charges lease {uuid_text(lease.id)} to another campaign-day"
            )
        if line.amount_micros < 0:
            raise StreamError(f"entry {seq} debits {line.amount_micros}")
        return lease

    def _day(self, key: Key) -> DayChange:
        return self.effects.days.setdefault(key, DayChange())

    def _return(self, lease: LeaseState, amount: int) -> None:
        returned = self._day(lease.key).returned
        returned[lease.region] = returned.get(lease.region, 0) + amount

    def _spend(self, seq: int, exchange: int, line: DebitLine, amount: int) -> None:
        place = (line.advertiser, line.campaign, line.day, exchange)
        spend = self.effects.spends.get(place)
        if spend is None:
            self.effects.spends[place] = Spend(amount, seq, seq)
        else:
            spend.amount += amount
            spend.last_seq = seq
