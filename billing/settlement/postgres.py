"""Settlement's store in Postgres: escrow's rows, the audit trail, notices that wait, the ledger."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils import timezone

from billing.audit import store as audit
from billing.escrow.models import LeaseRow
from billing.escrow.postgres import PgEscrowStore
from billing.escrow.postgres_holds import HOLD_COLUMNS, hold_of_row
from billing.escrow.postgres_leases import STATE_COLUMNS, state_of_row
from billing.escrow.sql import columns, execute, fetch, uuids
from billing.escrow.store import EarlierDebit, Orphan, Spend, SpendKey
from billing.escrow.values import Hold, Key, LeaseState
from billing.ledger.post import post, spend
from billing.pacing.traffic import record_traffic
from rtbplatform.kernel.stream import AuctionEntry, Chunk, Claim, Entry, chunk_entries

ORPHAN_COLUMNS = "debit_id, exchange_id, kind, imp, advertiser_id, campaign_id, day, lease_id, hold_micros, bill_micros"


class PgSettlementStore(PgEscrowStore):
    """One for all threads of a process, as escrow's is."""

    # the stream
    def stored_hashes(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, bytes]:
        rows = fetch(
            "SELECT first_seq, hash FROM audit_chunk WHERE incarnation_id = %s AND first_seq = ANY(%s)",
            [uuid.UUID(bytes=incarnation), list(seqs)],
        )
        return {row[0]: bytes(row[1]) for row in rows}

    def debits(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, EarlierDebit]:
        stream = uuid.UUID(bytes=incarnation)
        chunks = fetch(
            """
            SELECT DISTINCT c.first_seq, c.payload FROM unnest(%s::bigint[]) AS seq
            CROSS JOIN LATERAL (
                SELECT first_seq, payload FROM audit_chunk WHERE incarnation_id = %s AND first_seq <= seq
                ORDER BY first_seq DESC LIMIT 1) c
            """,
            [list(seqs), stream],
        )
        resolved = self._resolved(stream, seqs)
        wanted = set(seqs)
        return {
            seq: EarlierDebit(entry.debit_id, entry.lines, entry.hold_ms, seq in resolved)
            for start, payload in chunks
            for seq, entry in enumerate(chunk_entries(bytes(payload)), start=start)
            if seq in wanted and isinstance(entry, AuctionEntry)
        }

    def _resolved(self, stream: uuid.UUID, seqs: Collection[int]) -> set[int]:
        rows = fetch(
            "SELECT outcome_seqs FROM audit_chunk WHERE incarnation_id = %s AND outcome_seqs && %s::bigint[] "
            "AND outcome_seqs <> '{}'",
            [stream, list(seqs)],
        )
        return {seq for row in rows for seq in row[0]}

    def keep_chunks(
        self, region: str, chunks: Sequence[Chunk], entries: Sequence[Sequence[Entry]]
    ) -> None:
        audit.store_chunks(chunks, entries)
        audit.store_keys(chunks)
        record_traffic(
            region,
            [one.at_ms for part in entries for one in part if isinstance(one, AuctionEntry)],
        )

    # the ledger
    def post_spends(
        self,
        incarnation: bytes,
        spends: Mapping[SpendKey, Spend],
        currencies: Mapping[Key, str],
        *,
        is_loss: bool = False,
    ) -> None:
        drafts = [
            spend(
                advertiser,
                currencies[advertiser, campaign, day],
                spent.amount,
                campaign_id=campaign,
                day=day,
                exchange_id=exchange,
                incarnation=incarnation,
                first_seq=spent.first_seq,
                last_seq=spent.last_seq,
                is_loss=is_loss,
            )
            for (advertiser, campaign, day, exchange), spent in sorted(spends.items())
        ]
        post(drafts, timezone.now())

    # what was quarantined
    def quarantined_leases(self, incarnation: bytes) -> list[LeaseState]:
        rows = fetch(
            f"SELECT {STATE_COLUMNS} FROM escrow_lease WHERE incarnation_id = %s AND state = %s ORDER BY id",  # noqa: S608 - a constant
            [uuid.UUID(bytes=incarnation), LeaseRow.State.QUARANTINED],
        )
        return [state_of_row(row) for row in rows]

    def holds_from_quarantine(self, incarnation: bytes) -> list[Hold]:
        rows = fetch(
            f"SELECT {HOLD_COLUMNS} FROM escrow_hold WHERE incarnation_id = %s AND seq = 0 ORDER BY debit_id, imp",  # noqa: S608 - a constant
            [uuid.UUID(bytes=incarnation)],
        )
        return [hold_of_row(row) for row in rows]

    # notices that wait for their debit
    def orphans(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], list[Orphan]]:
        found: dict[tuple[bytes, int], list[Orphan]] = defaultdict(list)
        for orphan in _orphans("debit_id", debit_ids):
            found[orphan.debit_id, orphan.claim.imp].append(orphan)
        return dict(found)

    def orphans_of_leases(self, leases: Collection[bytes]) -> list[Orphan]:
        return _orphans("lease_id", leases)

    def park(self, incarnation: bytes, orphans: Sequence[Orphan]) -> None:
        rows = [
            (*_orphan_row(one), uuid.UUID(bytes=incarnation), n) for n, one in enumerate(orphans)
        ]
        # One parked before keeps its place in the order.
        execute(
            f"""
            INSERT INTO escrow_orphan ({ORPHAN_COLUMNS}, incarnation_id, is_taken, parked_at)
            SELECT {ORPHAN_COLUMNS}, incarnation_id, false, clock_timestamp() + place * interval '1 microsecond'
            FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::int[],
                %s::uuid[], %s::bigint[], %s::bigint[], %s::uuid[], %s::bigint[])
                AS n ({ORPHAN_COLUMNS}, incarnation_id, place)
            ON CONFLICT (advertiser_id, debit_id, imp, kind) DO UPDATE SET is_taken = false
            """,  # noqa: S608 - a constant
            columns(rows, 12),
        )

    def take_orphans(self, orphans: Sequence[Orphan]) -> None:
        execute(
            """
            UPDATE escrow_orphan AS o SET is_taken = true
            FROM unnest(%s::bigint[], %s::uuid[], %s::int[], %s::text[]) AS n (advertiser, debit, imp, kind)
            WHERE (o.advertiser_id, o.debit_id, o.imp, o.kind) = (n.advertiser, n.debit, n.imp, n.kind)
            """,
            columns(
                (
                    (
                        *(one.claim.advertiser, uuid.UUID(bytes=one.debit_id)),
                        *(one.claim.imp, one.claim.kind),
                    )
                    for one in orphans
                ),
                4,
            ),
        )


def _orphans(column: str, ids: Collection[bytes]) -> list[Orphan]:
    rows = fetch(
        f"""
        SELECT {ORPHAN_COLUMNS} FROM escrow_orphan WHERE {column} = ANY(%s) AND NOT is_taken
        ORDER BY parked_at, debit_id, imp, kind
        """,  # noqa: S608 - constants
        [uuids(ids)],
    )
    return [_orphan(row) for row in rows]


def _orphan(row: tuple[Any, ...]) -> Orphan:
    debit, exchange, kind, imp, advertiser, campaign, day, lease, hold, bill = row
    claim = Claim(kind, imp, advertiser, campaign, day, lease.bytes, hold, bill)
    return Orphan(debit.bytes, exchange, claim)


def _orphan_row(orphan: Orphan) -> tuple[Any, ...]:
    claim = orphan.claim
    return (
        *(uuid.UUID(bytes=orphan.debit_id), orphan.exchange, claim.kind, claim.imp),
        *(claim.advertiser, claim.campaign, claim.day, uuid.UUID(bytes=claim.lease)),
        *(claim.hold_micros, claim.bill_micros),
    )
