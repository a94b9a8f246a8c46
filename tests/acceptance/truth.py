"""What Postgres holds, read by plain SQL and from the chunks as committed: independent of the platform's own reports."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg

from rtbplatform.kernel.events import AuctionEvent, decode_event
from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    LossEntry,
    OutcomeEntry,
    chunk_entries,
)
from tests.acceptance.platform import NotAcceptedError, Platform

Connection = psycopg.Connection[tuple[Any, ...]]
Amounts = dict[int, int]
"""Micros per campaign."""


class Debit(msgspec.Struct):
    """One settled debit, its event, and what is known of its answer."""

    request_id: str
    lines: list[DebitLine]
    event: AuctionEvent
    outcome: str = ""
    """sent | void | unknown; empty = not reported yet"""

    def by_campaign(self) -> Amounts:
        amounts: Counter[int] = Counter()
        for line in self.lines:
            amounts[line.campaign] += line.amount_micros
        return dict(amounts)


class Books(msgspec.Struct, frozen=True):
    """Per campaign: three places that must say the same, and what is unknown."""

    ledger: Amounts
    """Spend transactions, turned positive."""
    postings: Amounts
    """The same from their postings on the advertisers' accounts."""
    settled: Amounts
    """The campaign-days' `settled` and `held` terms."""
    unknown: Amounts

    def minus(self, before: Books) -> Books:
        return Books(
            *(
                difference(getattr(self, name), getattr(before, name))
                for name in self.__struct_fields__
            )
        )


def difference(after: Amounts, before: Amounts) -> Amounts:
    """Only what changed."""
    keys = after.keys() | before.keys()
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in keys}
    return {key: amount for key, amount in sorted(moved.items()) if amount}


@contextmanager
def connected(platform: Platform) -> Iterator[Connection]:
    with psycopg.connect(platform.facts["database_url"], autocommit=True) as connection:
        yield connection


def _amounts(connection: Connection, sql: LiteralString) -> Amounts:
    rows = connection.execute(sql).fetchall()
    return {int(campaign): int(amount) for campaign, amount in rows if amount}


def books(connection: Connection) -> Books:
    """As of now."""
    return Books(
        ledger=_amounts(
            connection,
            "SELECT campaign_id, -sum(amount_micros) FROM ledger_transaction "
            "WHERE campaign_id IS NOT NULL GROUP BY 1",
        ),
        postings=_amounts(
            connection,
            "SELECT t.campaign_id, sum(p.amount_micros) FROM ledger_posting p "
            "JOIN ledger_transaction t ON t.advertiser_id = p.advertiser_id AND t.no = p.transaction_no "
            "JOIN ledger_account a ON a.id = p.account_id "
            "WHERE a.kind IN ('prepaid', 'loss') AND t.campaign_id IS NOT NULL GROUP BY 1",
        ),
        settled=_amounts(
            connection,
            "SELECT campaign_id, sum(settled_micros + held_micros + late_micros) "
            "FROM escrow_campaign_day GROUP BY 1",
        ),
        unknown=_amounts(
            connection,
            "SELECT campaign_id, sum(unknown_micros) FROM escrow_campaign_day GROUP BY 1",
        ),
    )


def unbalanced(connection: Connection) -> int:
    """Ledger transactions that do not sum to zero per currency (E7)."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM ledger_posting "
        "GROUP BY advertiser_id, transaction_no, currency HAVING sum(amount_micros) <> 0) x"
    ).fetchone()
    assert row is not None
    return int(row[0])


def debits(connection: Connection, since_ms: int) -> dict[str, Debit]:
    """Debits in chunks committed since then, by request id. Raises NotAcceptedError when one request has two."""
    found: dict[str, Debit] = {}
    for debit in all_debits(connection, since_ms):
        if debit.request_id in found:
            raise NotAcceptedError(f"request {debit.request_id} was debited twice")
        found[debit.request_id] = debit
    return found


def all_debits(connection: Connection, since_ms: int = 0) -> list[Debit]:
    """Every debit in chunks committed since then, with its outcome."""
    by_place: dict[tuple[UUID, int], Debit] = {}
    outcomes: dict[tuple[UUID, int], str] = {}
    rows = connection.execute(
        "SELECT incarnation_id, first_seq, payload FROM audit_chunk "
        "WHERE committed_ms >= %s ORDER BY 1, 2",
        (since_ms,),
    )
    for stream, first_seq, payload in rows:
        for seq, entry in enumerate(chunk_entries(bytes(payload)), start=first_seq):
            if isinstance(entry, OutcomeEntry):
                outcomes |= {(stream, sent): "sent" for sent in entry.sent}
                outcomes |= {(stream, void.seq): "void" for void in entry.void}
                outcomes |= {(stream, lost.seq): "unknown" for lost in entry.unknown}
            if isinstance(entry, AuctionEntry) and entry.lines:
                event = decode_event(entry.event)
                assert isinstance(event, AuctionEvent)
                by_place[stream, seq] = Debit(event.request_id, entry.lines, event)
    for place, outcome in outcomes.items():
        if place in by_place:
            by_place[place].outcome = outcome
    return list(by_place.values())


def recorded_requests(connection: Connection, since_ms: int) -> dict[str, AuctionEvent]:
    """Every auction event in chunks committed since then, by request id."""
    rows = connection.execute(
        "SELECT payload FROM audit_chunk WHERE committed_ms >= %s", (since_ms,)
    )
    events = (
        decode_event(entry.event)
        for (payload,) in rows
        for entry in chunk_entries(bytes(payload))
        if isinstance(entry, AuctionEntry)
    )
    return {event.request_id: event for event in events if isinstance(event, AuctionEvent)}


def counted_losses(connection: Connection, since_ms: int) -> int:
    """Events that workers or bankers say they had to drop."""
    rows = connection.execute(
        "SELECT payload FROM audit_chunk WHERE committed_ms >= %s", (since_ms,)
    )
    entries = (entry for (payload,) in rows for entry in chunk_entries(bytes(payload)))
    return sum(entry.dropped for entry in entries if isinstance(entry, LossEntry))


def at_rest(connection: Connection) -> bool:
    """Whether nothing of an earlier load is on its way any more: the last chunk is older than a second."""
    row = connection.execute("SELECT coalesce(max(committed_ms), 0) FROM audit_chunk").fetchone()
    assert row is not None
    return now_ms() - int(row[0]) > 1000


def newest_incarnation(connection: Connection) -> str:
    row = connection.execute(
        "SELECT id FROM escrow_incarnation ORDER BY registered_at DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise NotAcceptedError("no banker has ever registered")
    return str(row[0])


def open_leases(connection: Connection, incarnations: list[str]) -> int:
    """How many leases of these incarnations are still open."""
    row = connection.execute(
        "SELECT count(*) FROM escrow_lease WHERE state = 'open' AND incarnation_id = ANY(%s::uuid[])",
        (incarnations,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def now_ms() -> int:
    return time.time_ns() // 1_000_000
