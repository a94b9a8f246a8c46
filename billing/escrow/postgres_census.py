"""Postgres as the store: transactions, the census, marks and incarnations."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Any, Final

from django.db import transaction

from billing.escrow.sql import at_ms, execute, fetch, from_ms, uuids
from billing.escrow.values import Census, Gate, Incarnation

CENSUS_LOCK: Final = 0x43454E53
MARK_LOCK: Final = 0x4D41524B
"""Advisory locks, not rows: everybody shares them, and sharing a row would write it each time."""
SERVER: Final = """
    (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
        || '/' || extract(epoch FROM pg_postmaster_start_time())
"""
"""Which cluster, on which timeline, since which start: every fail-over, restore and restart changes one of them."""
INCARNATION_COLUMNS: Final = "id, region, pod, machine, started_at, state, settled_seq, settled_hash, mark, epoch, alarm, quarantine_mark"

READ_COLUMNS: Final = (
    f"{INCARNATION_COLUMNS}, (extract(epoch FROM registered_at) * 1000000)::bigint"
)


def _incarnation(row: tuple[Any, ...]) -> Incarnation:
    values = list(row)
    values[0], values[4], values[7] = row[0].bytes, at_ms(row[4]), bytes(row[7])
    return Incarnation(*values)


class CensusRows:
    """See `EscrowStore`."""

    def transaction(self) -> AbstractContextManager[None]:
        return transaction.atomic()

    def now_ms(self) -> int:
        return at_ms(fetch("SELECT clock_timestamp()")[0][0])

    def server(self) -> str:
        return str(fetch(f"SELECT {SERVER}")[0][0])

    def gate(self) -> Gate:
        # The row is as of before the wait for the lock. Whoever held it can only have opened a census of this server,
        # which the older row does not name, or completed one: either way this says closed, and is asked again.
        rows = fetch(
            f"""
            SELECT no, completed_at IS NOT NULL AND server = {SERVER}
            FROM (SELECT pg_advisory_xact_lock_shared(%s)) AS locked
            LEFT JOIN LATERAL (SELECT * FROM escrow_census ORDER BY no DESC LIMIT 1) AS newest ON true
            """,  # noqa: S608 - a constant
            [CENSUS_LOCK],
        )
        return Gate(rows[0][0] or 0, bool(rows[0][1]))

    def lock_census(self) -> Census | None:
        execute("SELECT pg_advisory_xact_lock(%s)", [CENSUS_LOCK])
        rows = fetch(
            "SELECT no, server, regions, awaits, completed_at IS NOT NULL FROM escrow_census ORDER BY no DESC LIMIT 1"
        )
        if not rows:
            return None
        no, server, regions, awaits, is_complete = rows[0]
        return Census(no, server, set(regions), set(awaits), is_complete)

    def open_census(self, server: str, above: int = 0) -> Census:
        execute("SELECT pg_advisory_xact_lock(%s)", [MARK_LOCK])
        base = max(self.newest_mark() + 1, self.now_ms() << 20, above + 1)
        census = Census(self._insert_mark(base + secrets.randbelow(1 << 20)), server)
        execute(
            "INSERT INTO escrow_census (no, server, regions, awaits, opened_at) VALUES (%s, %s, '{}', '{}', now())",
            [census.no, server],
        )
        return census

    def save_census(self, census: Census) -> None:
        execute(
            """
            UPDATE escrow_census SET regions = %s, awaits = %s,
                completed_at = CASE WHEN %s THEN coalesce(completed_at, now()) END
            WHERE no = %s
            """,
            [
                *(sorted(census.regions), sorted(census.awaits)),
                *(census.is_complete, census.no),
            ],
        )

    def newest_mark(self) -> int:
        # Two statements: the second must see the mark of whoever held the lock.
        execute("SELECT pg_advisory_xact_lock_shared(%s)", [MARK_LOCK])
        return int(fetch("SELECT coalesce(max(no), 0) FROM escrow_mark")[0][0])

    def insert_mark(self) -> int:
        execute("SELECT pg_advisory_xact_lock(%s)", [MARK_LOCK])
        return self._insert_mark(self.newest_mark() + 1)

    def _insert_mark(self, no: int) -> int:
        """The newest one is all that anybody asks for."""
        execute("INSERT INTO escrow_mark (no, made_at) VALUES (%s, now())", [no])
        execute("DELETE FROM escrow_mark WHERE no < %s", [no])
        return no

    def lock_incarnations(
        self, ids: Collection[bytes], *, exclusive: bool
    ) -> dict[bytes, Incarnation]:
        rows = fetch(
            f"""
            SELECT {READ_COLUMNS} FROM escrow_incarnation WHERE id = ANY(%s) ORDER BY id
            FOR {"UPDATE" if exclusive else "SHARE"}
            """,  # noqa: S608 - constants
            [uuids(ids)],
        )
        return {row[0].bytes: _incarnation(row) for row in rows}

    def insert_incarnation(self, new: Incarnation) -> bool:
        written = execute(
            f"""
            INSERT INTO escrow_incarnation ({INCARNATION_COLUMNS}, registered_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT (id) DO NOTHING
            """,  # noqa: S608 - a constant
            [
                *(uuid.UUID(bytes=new.id), new.region, new.pod[:64], new.machine[:200]),
                *(from_ms(new.started_ms), new.state, new.seq, new.hash),
                *(new.mark, new.epoch, new.alarm, new.quarantine_mark),
            ],
        )
        return bool(written)

    def save_incarnation(self, changed: Incarnation) -> None:
        execute(
            """
            UPDATE escrow_incarnation SET state = %s,
                settled_at = CASE WHEN settled_seq = %s THEN settled_at ELSE now() END,
                settled_seq = %s, settled_hash = %s, mark = %s, epoch = %s, alarm = %s, quarantine_mark = %s
            WHERE id = %s
            """,
            [
                *(changed.state, changed.seq, changed.seq, changed.hash, changed.mark),
                *(changed.epoch, changed.alarm, changed.quarantine_mark),
                uuid.UUID(bytes=changed.id),
            ],
        )

    def unclosed(self, region: str | None = None) -> list[Incarnation]:
        rows = fetch(
            f"""
            SELECT {READ_COLUMNS} FROM escrow_incarnation
            WHERE state IN ('open', 'stopped') AND (%s::text IS NULL OR region = %s) ORDER BY id
            """,  # noqa: S608 - a constant
            [region, region],
        )
        return [_incarnation(row) for row in rows]

    def quarantines(self) -> list[Incarnation]:
        rows = fetch(
            f"""
            SELECT {READ_COLUMNS} FROM escrow_incarnation
            WHERE state = 'quarantined' AND quarantine_mark IS NOT NULL ORDER BY id
            """  # noqa: S608 - a constant
        )
        return [_incarnation(row) for row in rows]

    def knows_region(self, region: str) -> bool:
        return bool(fetch("SELECT 1 FROM escrow_incarnation WHERE region = %s LIMIT 1", [region]))

    def recent(self, region: str, since_ms: int) -> list[Incarnation]:
        rows = fetch(
            f"""
            SELECT {READ_COLUMNS} FROM escrow_incarnation
            WHERE region = %s AND (state <> 'closed' OR settled_at >= %s) ORDER BY id
            """,  # noqa: S608 - a constant
            [region, from_ms(since_ms)],
        )
        return [_incarnation(row) for row in rows]
