"""The debits behind a ledger entry, decoded from the chunks as they were committed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from billing.audit.models import AuditChunk
from rtbplatform.kernel.events import decode_event
from rtbplatform.kernel.stream import AuctionEntry, Entry, OutcomeEntry, chunk_entries

CHUNKS_MAX = 200


@dataclass(frozen=True)
class Located:
    """An entry and its place: which stream, which number, when committed."""

    incarnation: UUID
    seq: int
    committed_at: datetime
    entry: Entry


@dataclass(frozen=True)
class DebitRow:
    """One debit of a campaign behind a ledger entry; negative when an answer was never sent."""

    seq: int
    at: datetime | None
    request_id: str
    imp: int
    amount_micros: int
    what: str


def of_entry(incarnation: UUID, first_seq: int, last_seq: int) -> Iterator[Located]:
    """Everything a ledger entry was folded from, in order; at most CHUNKS_MAX chunks."""
    chunks = AuditChunk.objects.filter(
        incarnation_id=incarnation, last_seq__gte=first_seq, first_seq__lte=last_seq
    ).order_by("first_seq")[:CHUNKS_MAX]
    for chunk in chunks:
        yield from (one for one in _located(chunk) if first_seq <= one.seq <= last_seq)


def _located(chunk: AuditChunk) -> Iterator[Located]:
    for seq, entry in enumerate(chunk_entries(bytes(chunk.payload)), start=chunk.first_seq):
        yield Located(chunk.incarnation_id, seq, chunk.committed_at, entry)


def debits(
    located: Iterator[Located], campaign_id: int, day: int, exchange_id: int
) -> list[DebitRow]:
    """The debits of one campaign-day on one exchange: their sum is what the ledger entry says."""
    rows: list[DebitRow] = []
    for one in located:
        entry = one.entry
        if isinstance(entry, AuctionEntry) and entry.exchange == exchange_id:
            rows += _auction_rows(one, entry, campaign_id, day)
        elif isinstance(entry, OutcomeEntry):
            for void in entry.void:
                if void.exchange == exchange_id:
                    rows += [
                        DebitRow(
                            void.seq, one.committed_at, "", line.imp, -line.amount_micros, "void"
                        )
                        for line in void.lines
                        if (line.campaign, line.day) == (campaign_id, day)
                    ]
    return rows


def _auction_rows(
    one: Located, entry: AuctionEntry, campaign_id: int, day: int
) -> Iterator[DebitRow]:
    lines = [line for line in entry.lines if (line.campaign, line.day) == (campaign_id, day)]
    if not lines:
        return
    event = decode_event(entry.event)
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
    for line in lines:
        yield DebitRow(one.seq, at, event.request_id, line.imp, line.amount_micros, "debit")
