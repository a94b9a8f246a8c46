"""Postgres as the store: leases granted, as settled, to be recalled."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final

from billing.escrow.sql import at_ms, columns, execute, fetch, from_ms, uuids
from billing.escrow.values import Key, LeaseState
from rtbplatform.kernel.protocol import Lease

MAIL_MAX: Final = 500
"""Leases per round: what is left over is asked for in the next."""
GRANTED_COLUMNS: Final = (
    "id, no, request_no, incarnation_id, advertiser_id, campaign_id, day, amount_micros, budget_version, "
    "spend_for_ms, starts_in_ms, ends_in_ms, epoch"
)
_GRANTED: Final = (
    ", ".join(f"l.{name}" for name in GRANTED_COLUMNS.split(", "))
    + ", d.currency, d.starts_at, d.ends_at"
)
STATE_COLUMNS: Final = (
    "id, advertiser_id, campaign_id, day, region, amount_micros, settled_micros, returned_micros, released_micros, "
    "state, is_accepted, incarnation_id, no"
)


def _granted(row: tuple[Any, ...], key: bytes) -> Lease:
    """A row of _GRANTED as it was granted, signed again: the same bytes as the first time."""
    values = list(row)
    values[0], values[3] = row[0].bytes, row[3].bytes
    values[-2:] = [at_ms(at) for at in row[-2:]]
    return Lease(*values).signed(key)


def state_of_row(row: tuple[Any, ...]) -> LeaseState:
    values: list[Any] = [row[0].bytes, (row[1], row[2], row[3]), *row[4:]]
    values[-2] = row[11].bytes
    return LeaseState(*values)


class LeaseRows:
    """See `EscrowStore`."""

    def days_to_grant(
        self, asked: Collection[tuple[bytes, int, int]], now_ms: int, lead_ms: int
    ) -> dict[tuple[bytes, int, int], Key]:
        wanted = [
            (uuid.UUID(bytes=one), advertiser, campaign) for one, advertiser, campaign in asked
        ]
        now, soon = from_ms(now_ms), from_ms(now_ms + lead_ms)
        rows = fetch(
            """
            SELECT DISTINCT ON (i, a, c) i, a, c, d.day
            FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS asked (i, a, c)
            JOIN escrow_campaign_day d ON d.advertiser_id = a AND d.campaign_id = c
            WHERE (d.starts_at <= %s AND d.ends_at > %s) OR (
                d.starts_at > %s AND d.starts_at <= %s AND d.is_running AND NOT EXISTS (
                    SELECT 1 FROM escrow_lease l WHERE l.campaign_id = c AND l.day = d.day AND l.incarnation_id = i))
            ORDER BY i, a, c, d.day DESC
            """,
            [*columns(wanted, 3), now, now, now, soon],
        )
        return {(row[0].bytes, row[1], row[2]): (row[1], row[2], row[3]) for row in rows}

    def leases_of_requests(
        self, requests: Collection[tuple[bytes, int]], lease_key: bytes
    ) -> dict[tuple[bytes, int], Lease]:
        rows = fetch(
            f"""
            SELECT {_GRANTED} FROM escrow_lease l JOIN escrow_campaign_day d USING (advertiser_id, campaign_id, day)
            WHERE (l.incarnation_id, l.request_no) IN (SELECT * FROM unnest(%s::uuid[], %s::bigint[]))
            """,  # noqa: S608 - a constant
            columns(((uuid.UUID(bytes=one), number) for one, number in requests), 2),
        )
        leases = (_granted(row, lease_key) for row in rows)
        return {(lease.incarnation, lease.request_no): lease for lease in leases}

    def insert_leases(
        self, leases: Sequence[Lease], region: str, now_ms: int, term_ms: int
    ) -> None:
        if not leases:
            return
        rows = [
            (
                *(
                    uuid.UUID(bytes=one.id),
                    one.no,
                    one.request_no,
                    uuid.UUID(bytes=one.incarnation),
                ),
                *(one.advertiser, one.campaign, one.day, one.amount_micros, one.budget_version),
                *(one.spend_for_ms, one.starts_in_ms, one.ends_in_ms, one.epoch),
                from_ms(now_ms),
                from_ms(now_ms + one.starts_in_ms + term_ms),
            )
            for one in leases
        ]
        execute(
            f"""
            INSERT INTO escrow_lease ({GRANTED_COLUMNS}, granted_at, expires_at, region, settled_micros,
                returned_micros, released_micros, state, is_accepted)
            SELECT new.*, %s, 0, 0, 0, 'open', false FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::uuid[],
                %s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[],
                %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS new
            """,  # noqa: S608 - a constant
            [region, *columns(rows, 15)],
        )

    def open_leases(self, incarnation: bytes) -> list[LeaseState]:
        rows = fetch(
            f"SELECT {STATE_COLUMNS} FROM escrow_lease WHERE incarnation_id = %s AND state = 'open' ORDER BY id",  # noqa: S608 - a constant
            [uuid.UUID(bytes=incarnation)],
        )
        return [state_of_row(row) for row in rows]

    def leases(self, ids: Collection[bytes]) -> dict[bytes, LeaseState]:
        if not ids:
            return {}
        rows = fetch(
            f"SELECT {STATE_COLUMNS} FROM escrow_lease WHERE id = ANY(%s)",  # noqa: S608 - a constant
            [uuids(ids)],
        )
        return {row[0].bytes: state_of_row(row) for row in rows}

    def save_leases(self, leases: Collection[LeaseState]) -> None:
        if not leases:
            return
        execute(
            """
            UPDATE escrow_lease AS l SET settled_micros = n.settled, returned_micros = n.returned,
                released_micros = n.released, state = n.state, is_accepted = n.accepted,
                closed_at = CASE WHEN n.state <> 'open' THEN coalesce(l.closed_at, now()) END
            FROM unnest(%s::bigint[], %s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bool[])
                AS n (advertiser, id, settled, returned, released, state, accepted)
            WHERE l.advertiser_id = n.advertiser AND l.id = n.id
            """,
            columns(
                (
                    (
                        *(lease.key[0], uuid.UUID(bytes=lease.id), lease.settled, lease.returned),
                        *(lease.released, lease.state, lease.is_accepted),
                    )
                    for lease in leases
                ),
                7,
            ),
        )

    def leases_to_recall(self, region: str, now_ms: int) -> dict[bytes, list[bytes]]:
        rows = fetch(
            """
            SELECT l.incarnation_id, l.id
            FROM escrow_lease l
            JOIN escrow_incarnation i ON i.id = l.incarnation_id AND i.state = 'open'
            JOIN escrow_campaign_day d USING (advertiser_id, campaign_id, day)
            JOIN escrow_scope b ON b.advertiser_id = l.advertiser_id AND b.kind = 'balance' AND b.campaign_id = 0
            JOIN escrow_scope t
                ON t.advertiser_id = l.advertiser_id AND t.kind = 'total' AND t.campaign_id = l.campaign_id
            WHERE l.state = 'open' AND l.region = %s AND d.ends_at > %s AND (
                NOT d.is_running OR d.budget_micros > d.asked_micros
                OR b.committed_micros > b.limit_micros OR t.committed_micros > t.limit_micros)
            ORDER BY l.granted_at LIMIT %s
            """,
            [region, from_ms(now_ms), MAIL_MAX],
        )
        recalled: dict[bytes, list[bytes]] = defaultdict(list)
        for incarnation, lease in rows:
            recalled[incarnation.bytes].append(lease.bytes)
        return dict(recalled)

    def leases_past_term(
        self, region: str, now_ms: int, lease_key: bytes
    ) -> dict[bytes, list[Lease]]:
        rows = fetch(
            f"""
            SELECT {_GRANTED} FROM escrow_lease l
            JOIN escrow_incarnation i ON i.id = l.incarnation_id AND i.state = 'open'
            JOIN escrow_campaign_day d USING (advertiser_id, campaign_id, day)
            WHERE l.state = 'open' AND l.region = %s AND l.expires_at <= %s
            ORDER BY l.expires_at LIMIT %s
            """,  # noqa: S608 - a constant
            [region, from_ms(now_ms), MAIL_MAX],
        )
        late: dict[bytes, list[Lease]] = defaultdict(list)
        for row in rows:
            late[row[3].bytes].append(_granted(row, lease_key))
        return dict(late)
