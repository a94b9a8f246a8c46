"""Registers bankers' lives and tells where their streams stand (R2, R6)."""

from __future__ import annotations

import uuid

from msgspec import Struct

from billing.escrow.repository import execute, fetch, from_ms
from rtbplatform.kernel.wire import Cursor, Register


class Registration(Struct, frozen=True):
    cursor: Cursor
    is_new: bool


def register(message: Register, region: str) -> Registration:
    """Makes the incarnation known, once, and says where its stream stands. Raises django.db.Error."""
    new = execute(
        """
        INSERT INTO escrow_incarnation (id, region, pod, machine, started_at, registered_at, state, settled_seq,
            settled_hash, alarm)
        VALUES (%s, %s, %s, %s, %s, now(), 'open', 0, %s, '') ON CONFLICT (id) DO NOTHING
        """,
        [
            uuid.UUID(bytes=message.incarnation),
            region,
            message.pod[:64],
            message.machine[:200],
            from_ms(message.started_ms),
            bytes(32),
        ],
    )
    (cursor,) = cursors([message.incarnation])
    return Registration(cursor, bool(new))


def cursors(incarnations: list[bytes]) -> list[Cursor]:
    """Where streams stand; those that were never registered are left out."""
    rows = fetch(
        "SELECT id, settled_seq, state FROM escrow_incarnation WHERE id = ANY(%s)",
        [[uuid.UUID(bytes=one) for one in incarnations]],
    )
    return [Cursor(row[0].bytes, row[1], row[2]) for row in rows]


def open_cursors(region: str) -> list[Cursor]:
    """Of all streams of a region that may still grow."""
    rows = fetch(
        "SELECT id, settled_seq, state FROM escrow_incarnation WHERE region = %s AND state = 'open'",
        [region],
    )
    return [Cursor(row[0].bytes, row[1], row[2]) for row in rows]


def regions_open() -> int:
    """In how many regions there are bankers; at least 1."""
    rows = fetch("SELECT count(DISTINCT region) FROM escrow_incarnation WHERE state = 'open'")
    return max(1, int(rows[0][0]))
