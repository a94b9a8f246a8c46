"""What every module with SQL needs: rows of a query, rows as columns, times as milliseconds."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def at_ms(at: datetime) -> int:
    """Unix ms, exact."""
    return (at - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    return _EPOCH + ms * _MS


def uuids(ids: Iterable[bytes]) -> list[uuid.UUID]:
    """For a parameter of type uuid[]. Sorted."""
    return [uuid.UUID(bytes=one) for one in sorted(set(ids))]


def fetch(sql: str, parameters: Collection[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def execute(sql: str, parameters: Collection[Any] = ()) -> int:
    """The number of rows that were written."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return int(cursor.rowcount)


def columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as columns, for `unnest`."""
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[]] * width
