"""Hands outbox rows to consumers: in order, each exactly once, together with the consumer's cursor.

Ids are handed out before commit, so a row with a lower id may appear after one with a higher id was read. Rows are
therefore read in the order of (transaction, id), and only those of transactions below the oldest one still running:
below it nothing can appear any more. A transaction that stays open with writes holds consumers up, never the data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from rtbplatform.outbox.models import OutboxCursor, OutboxEvent

KEPT = timedelta(hours=24)
"""Rows stay at least this long after they were read: for people, and for readers without a cursor."""

_COMPLETE = "xid < pg_snapshot_xmin(pg_current_snapshot())"
_AFTER = "(xid, id) > (%s::text::xid8, %s)"
_PRUNE = """
    DELETE FROM outbox_event
     WHERE (xid, id) <= (%s::text::xid8, %s) AND created_at < %s
"""


class CursorAheadError(RuntimeError):
    """A cursor beyond this database's transactions: it was restored by a dump into another cluster."""


def consume(
    consumer: str,
    handler: Callable[[OutboxEvent], None],
    batch: int = 100,
    topics: Collection[str] | None = None,
) -> int:
    """Hands the next rows to `handler`, in one transaction with the cursor; returns how many rows it passed.

    `topics`: others are passed without calling the handler. When the handler raises, nothing of the batch counts.
    Two processes with the same consumer name take turns. Raises CursorAheadError.
    """
    with transaction.atomic():
        OutboxCursor.objects.get_or_create(consumer=consumer)
        cursor = OutboxCursor.objects.select_for_update().get(consumer=consumer)
        _refuse_foreign(cursor)
        rows = _next_rows(cursor, batch)
        for row in rows:
            if topics is None or row.topic in topics:
                handler(row)
        if rows:
            cursor.last_xid, cursor.last_id = rows[-1].xid, rows[-1].id
            cursor.save()
    return len(rows)


def prune() -> int:
    """Deletes rows that all consumers have passed and that are older than KEPT; returns how many."""
    with transaction.atomic():
        slowest = OutboxCursor.objects.order_by("last_xid", "last_id").first()
        if slowest is None:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_PRUNE, [slowest.last_xid, slowest.last_id, timezone.now() - KEPT])
            return cursor.rowcount


def waiting(consumer: str) -> int:
    """How many rows a consumer has not passed yet (for metrics and alerts)."""
    cursor = OutboxCursor.objects.filter(consumer=consumer).first() or OutboxCursor()
    return _after(cursor).count()


def _after(cursor: OutboxCursor) -> QuerySet[OutboxEvent]:
    position = [cursor.last_xid, cursor.last_id]
    return OutboxEvent.objects.extra(where=[_AFTER], params=position)  # noqa: S610 - constant SQL


def _next_rows(cursor: OutboxCursor, batch: int) -> list[OutboxEvent]:
    complete = _after(cursor).extra(where=[_COMPLETE])  # noqa: S610 - constant SQL
    return list(complete.order_by("xid", "id")[:batch])


def _refuse_foreign(cursor: OutboxCursor) -> None:
    with connection.cursor() as query:
        query.execute(
            "SELECT %s::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot())", [cursor.last_xid]
        )
        if query.fetchone()[0]:
            raise CursorAheadError(
                f"The outbox cursor of {cursor.consumer} is ahead of the database: it was copied from another "
                "cluster. Empty outbox_event and outbox_cursor once all consumers have been brought up to date."
            )
