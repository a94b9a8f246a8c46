"""What a run of entries names: all that has to be locked and loaded before it is folded."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from billing.escrow.values import Key
from billing.settlement.changes import Numbered
from rtbplatform.kernel.stream import (
    AuctionEntry,
    Claim,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)

ID_BYTES = 16


class Named(Struct):
    """The names in a run of chunks."""

    leases: set[bytes] = field(default_factory=set)
    days: set[Key] = field(default_factory=set)
    outcomes: set[int] = field(default_factory=set)
    """Sequence numbers of debits whose outcome moves money."""
    held: set[bytes] = field(default_factory=set)
    """Debit ids of new holds."""
    claims: list[tuple[bytes, Claim]] = field(default_factory=list)
    """With the debit's id."""
    accepted: list[LeaseChange] = field(default_factory=list)
    """With the lease as it was granted."""
    has_fence: bool = False
    has_mark: bool = False


def names(chunks: Iterable[Numbered]) -> Named:
    """One pass over a run of chunks."""
    named = Named()
    for chunk in chunks:
        for entry in chunk.entries:
            _name(named, entry)
    return named


def _name(named: Named, entry: Entry) -> None:
    match entry:
        case AuctionEntry():
            _name_lines(named, entry.lines)
            if entry.hold_ms and entry.lines and len(entry.debit_id) == ID_BYTES:
                named.held.add(entry.debit_id)
        case OutcomeEntry():
            for outcome in money_outcomes(entry):
                named.outcomes.add(outcome.seq)
                _name_lines(named, outcome.lines)
        case LeaseEntry():
            for change in entry.changes:
                _name_lease(named, change.lease)
                named.days.add((change.advertiser, change.campaign, change.day))
                if change.lease_signed is not None and len(change.lease) == ID_BYTES:
                    named.accepted.append(change)
        case NoticeEntry() if entry.claim is not None:
            _name_claim(named, entry.debit_id, entry.claim)
        case FenceEntry():
            named.has_fence = True
        case MarkEntry():
            named.has_mark = True


def _name_claim(named: Named, debit: bytes, claim: Claim) -> None:
    if len(debit) == len(claim.lease) == ID_BYTES:
        named.claims.append((debit, claim))
        named.leases.add(claim.lease)
        named.days.add((claim.advertiser, claim.campaign, claim.day))


def _name_lease(named: Named, lease: bytes) -> None:
    """What is no id is not looked up; the fold refuses it."""
    if len(lease) == ID_BYTES:
        named.leases.add(lease)


def _name_lines(named: Named, lines: Iterable[DebitLine]) -> None:
    for line in lines:
        _name_lease(named, line.lease)
        named.days.add((line.advertiser, line.campaign, line.day))


def money_outcomes(entry: OutcomeEntry) -> list[Outcome]:
    """Those that move money, or say something of it; SENT is what everybody expects."""
    return [*entry.void, *entry.unknown]


def outcome_seqs(entries: Iterable[Entry]) -> list[int]:
    """Entries whose outcome with money stands in a chunk: what the audit index stores."""
    return [
        outcome.seq
        for entry in entries
        if isinstance(entry, OutcomeEntry)
        for outcome in money_outcomes(entry)
    ]
