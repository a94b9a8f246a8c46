"""Finds all that happened to a request: its auctions with every bid, debits, outcomes, notices, and the proof."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from billing.audit.chain import as_chunk
from billing.audit.models import AuditChunk
from billing.audit.subjects import open_part
from billing.escrow.models import HoldRow
from billing.settlement.naming import ID_BYTES
from rtbplatform.kernel.events import AuctionEvent, Event, decode_event
from rtbplatform.kernel.ids import hash64, uuid_text
from rtbplatform.kernel.stream import (
    GENESIS_HASH,
    AuctionEntry,
    Entry,
    NoticeEntry,
    OutcomeEntry,
    chunk_entries,
)

OUTCOME_WITHIN = timedelta(minutes=2)
"""An answer's outcome is in a worker's next message: if it is not within this, look no further for SENT."""


class Proof(Struct, frozen=True):
    """Where an event stands in its stream, and whether the stored bytes still verify."""

    incarnation: str
    seq: int
    chunk_first_seq: int
    chunk_hash: str
    hash_verifies: bool
    """The chunk's hash is that of its bytes, and it continues the chunk before it."""


class FoundLine(Struct, frozen=True):
    imp: int
    advertiser: int
    campaign: int
    day: int
    lease: str
    amount_micros: int


class FoundHold(Struct, frozen=True):
    """One imp's debit that waits for its billing notice, or what became of it."""

    imp: int
    state: str
    """held | captured | released | void | quarantined"""
    amount_micros: int
    captured_micros: int
    late_micros: int
    """Billed when the hold was gone: paid by the platform."""


class Found(Struct, frozen=True):
    """One event of a request."""

    type: str
    at_ms: int
    proof: Proof
    event: dict[str, Any]
    debit_id: str = ""
    lines: list[FoundLine] = []
    outcome: str = ""
    """Of a debit: sent | void | unknown | unreported."""
    holds: list[FoundHold] = []
    """Of a debit that is charged by its billing notice, and of such a notice."""
    personal: str | None = None
    """The personal part, when it was asked for and its key is still there."""


def find_request(request_id: str, *, secret: str = "", personal: bool = False) -> list[Found]:
    """All events of a request, by time. `personal`: opens personal parts with the platform's `secret`."""
    wanted = hash64(request_id)
    found: list[Found] = []
    for row in AuditChunk.objects.filter(request_hashes__contains=[wanted]):
        verifies = _verifies(row)
        for seq, entry in _entries(row):
            if not isinstance(entry, AuctionEntry | NoticeEntry) or entry.request_hash != wanted:
                continue
            event = decode_event(entry.event)
            if event.request_id == request_id:  # not merely the same hash
                proof = _proof(row, seq, verifies=verifies)
                found.append(_found(row, entry, event, proof, secret if personal else ""))
    return sorted(found, key=lambda one: (one.at_ms, one.proof.seq))


def _entries(row: AuditChunk) -> Iterator[tuple[int, Entry]]:
    return enumerate(chunk_entries(bytes(row.payload)), start=row.first_seq)


def _verifies(row: AuditChunk) -> bool:
    before = AuditChunk.objects.filter(
        incarnation_id=row.incarnation_id, last_seq=row.first_seq - 1, first_seq__lt=row.first_seq
    ).first()
    expected = bytes(before.hash) if before else GENESIS_HASH
    if before is None and row.first_seq != 1:
        return False
    return as_chunk(row).verify() and bytes(row.prev_hash) == expected


def _proof(row: AuditChunk, seq: int, *, verifies: bool) -> Proof:
    return Proof(str(row.incarnation_id), seq, row.first_seq, bytes(row.hash).hex(), verifies)


def _found(
    row: AuditChunk, entry: AuctionEntry | NoticeEntry, event: Event, proof: Proof, secret: str
) -> Found:
    plain = _plain(event)
    if isinstance(entry, NoticeEntry):
        holds = [one for one in _holds(entry.debit_id) if one.imp == plain.get("imp")]
        return Found("notice", entry.at_ms, proof, plain, _uuid(entry.debit_id), holds=holds)
    return Found(
        type="auction",
        at_ms=entry.at_ms,
        proof=proof,
        event=plain,
        debit_id=_uuid(entry.debit_id),
        lines=[
            FoundLine(
                *(line.imp, line.advertiser, line.campaign, line.day),
                uuid_text(line.lease),
                line.amount_micros,
            )
            for line in entry.lines
        ],
        outcome=_outcome(row, proof.seq) if entry.lines else "",
        holds=_holds(entry.debit_id) if entry.hold_ms else [],
        personal=_personal(event, secret),
    )


def _holds(debit_id: bytes) -> list[FoundHold]:
    if len(debit_id) != ID_BYTES:
        return []
    rows = HoldRow.objects.filter(debit_id=uuid_text(debit_id)).order_by("imp")
    return [
        FoundHold(row.imp, row.state, row.amount_micros, row.captured_micros, row.late_micros)
        for row in rows
    ]


def _plain(event: Event) -> dict[str, Any]:
    """The event as JSON shows it: bytes that are text as text, others in hex."""
    plain: dict[str, Any] = msgspec.to_builtins(event, builtin_types=(bytes,))
    plain.pop("subject", None)
    return {name: _readable(value) for name, value in plain.items()}


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, dict):
        return {name: _readable(one) for name, one in value.items()}
    return [_readable(one) for one in value] if isinstance(value, list) else value


def _personal(event: Event, secret: str) -> str | None:
    if not secret or not isinstance(event, AuctionEvent) or event.subject is None:
        return None
    opened = open_part(secret, event.subject)
    return None if opened is None else opened.decode(errors="replace")


def _outcome(row: AuditChunk, seq: int) -> str:
    """R8: voids and unknowns are indexed; what was sent stands in one of the next chunks of the stream."""
    later = AuditChunk.objects.filter(
        incarnation_id=row.incarnation_id, first_seq__gte=row.first_seq
    )
    for chunk in later.filter(outcome_seqs__contains=[seq]).exclude(outcome_seqs=[]):
        for _, entry in _entries(chunk):
            if isinstance(entry, OutcomeEntry):
                if any(outcome.seq == seq for outcome in entry.void):
                    return "void"
                if any(outcome.seq == seq for outcome in entry.unknown):
                    return "unknown"
    near = later.filter(committed_at__lte=row.committed_at + OUTCOME_WITHIN).order_by("first_seq")
    for chunk in near.iterator(chunk_size=20):
        if any(isinstance(one, OutcomeEntry) and seq in one.sent for _, one in _entries(chunk)):
            return "sent"
    return "unreported"


def _uuid(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()
