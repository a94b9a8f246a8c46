"""Postgres as the store: debits that wait for their billing notice."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, Final

import msgspec

from billing.escrow.sql import at_ms, columns, execute, fetch, from_ms, uuids
from billing.escrow.values import Hold
from rtbplatform.kernel.stream import DebitLine

HOLD_COLUMNS: Final = (
    "debit_id, imp, advertiser_id, campaign_id, day, exchange_id, incarnation_id, seq, lines, due_at, horizon_ms, "
    "state, captured_micros, late_micros, is_unknown, born_mark, mark, blocked_by"
)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[DebitLine]).decode


def hold_of_row(row: tuple[Any, ...]) -> Hold:
    """A row of HOLD_COLUMNS."""
    debit, imp, *key, exchange, incarnation, seq, lines, due_at = row[:10]
    values: list[Any] = [debit.bytes, imp, tuple(key), exchange, incarnation.bytes, seq]
    values += [_decode(bytes(lines)), at_ms(due_at), *row[10:17]]
    values.append(row[17].bytes if row[17] else b"")
    return Hold(*values)


def _row(hold: Hold) -> tuple[Any, ...]:
    return (
        *(uuid.UUID(bytes=hold.debit_id), hold.imp, *hold.key, hold.exchange),
        *(uuid.UUID(bytes=hold.incarnation), hold.seq, _encode(hold.lines), hold.amount),
        *(hold.horizon_ms, hold.state, hold.captured, hold.late, hold.is_unknown, hold.born_mark),
        *(hold.mark, uuid.UUID(bytes=hold.blocked_by) if hold.blocked_by else None),
    )


class HoldRows:
    """See `EscrowStore`."""

    def due_holds(self, now_ms: int, limit: int) -> int:
        rows = fetch(
            """
            SELECT count(*) FROM (SELECT 1 FROM escrow_hold WHERE state = 'held' AND mark IS NULL AND due_at <= %s
                LIMIT %s) AS due
            """,
            [from_ms(now_ms), limit],
        )
        return int(rows[0][0])

    def mark_due_holds(self, mark: int, now_ms: int) -> int:
        # What settlement has locked is due at the next tick again; waiting for it here could be waiting in a circle.
        return execute(
            """
            UPDATE escrow_hold AS h SET mark = %s FROM (
                SELECT advertiser_id, debit_id, imp FROM escrow_hold
                WHERE state = 'held' AND mark IS NULL AND due_at <= %s FOR UPDATE SKIP LOCKED) AS due
            WHERE (h.advertiser_id, h.debit_id, h.imp) = (due.advertiser_id, due.debit_id, due.imp)
            """,
            [mark, from_ms(now_ms)],
        )

    def holds_to_release(self, settled_mark: int, limit: int) -> list[Hold]:
        rows = fetch(
            f"""
            SELECT {HOLD_COLUMNS} FROM escrow_hold WHERE state = 'held' AND mark <= %s
            ORDER BY mark, debit_id, imp LIMIT %s
            """,  # noqa: S608 - a constant
            [settled_mark, limit],
        )
        return [hold_of_row(row) for row in rows]

    def holds(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], Hold]:
        if not debit_ids:
            return {}
        rows = fetch(
            f"SELECT {HOLD_COLUMNS} FROM escrow_hold WHERE debit_id = ANY(%s)",  # noqa: S608 - a constant
            [uuids(debit_ids)],
        )
        return {(row[0].bytes, row[1]): hold_of_row(row) for row in rows}

    def holds_blocked_by(self, incarnation: bytes) -> list[Hold]:
        rows = fetch(
            f"""
            SELECT {HOLD_COLUMNS} FROM escrow_hold WHERE state = 'quarantined' AND blocked_by = %s
            ORDER BY debit_id, imp
            """,  # noqa: S608 - a constant
            [uuid.UUID(bytes=incarnation)],
        )
        return [hold_of_row(row) for row in rows]

    def save_holds(self, holds: Collection[Hold]) -> None:
        if not holds:
            return
        rows = sorted((_row(hold) for hold in holds), key=lambda row: (row[2], row[0], row[1]))
        # A mark may have been given while this transaction waited for its campaign-day: marks only rise.
        execute(
            """
            INSERT INTO escrow_hold AS h (debit_id, imp, advertiser_id, campaign_id, day, exchange_id, incarnation_id,
                seq, lines, amount_micros, horizon_ms, state, captured_micros, late_micros, is_unknown, born_mark,
                mark, blocked_by, settled_at, due_at)
            SELECT n.*, clock_timestamp(), clock_timestamp() + n.horizon_ms * interval '1 millisecond'
            FROM unnest(%s::uuid[], %s::int[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::uuid[],
                %s::bigint[], %s::bytea[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[],
                %s::bool[], %s::bigint[], %s::bigint[], %s::uuid[])
                AS n (debit_id, imp, advertiser_id, campaign_id, day, exchange_id, incarnation_id, seq, lines,
                    amount_micros, horizon_ms, state, captured_micros, late_micros, is_unknown, born_mark, mark,
                    blocked_by)
            ON CONFLICT (advertiser_id, debit_id, imp) DO UPDATE SET incarnation_id = excluded.incarnation_id,
                seq = excluded.seq, lines = excluded.lines, amount_micros = excluded.amount_micros,
                exchange_id = excluded.exchange_id, horizon_ms = excluded.horizon_ms, state = excluded.state,
                due_at = CASE WHEN h.seq = 0 THEN excluded.due_at ELSE h.due_at END, captured_micros = excluded.captured_micros,
                late_micros = excluded.late_micros, is_unknown = excluded.is_unknown,
                born_mark = excluded.born_mark, mark = greatest(h.mark, excluded.mark),
                blocked_by = excluded.blocked_by
            """,
            columns(rows, 18),
        )
