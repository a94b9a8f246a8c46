"""Writes an outbox row in the caller's transaction, and wakes whoever listens once it commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from rtbplatform.outbox.models import OutboxEvent

CHANNEL = "outbox"
"""Postgres' NOTIFY channel: the topic, as soon as the transaction has committed."""


class NotInTransactionError(RuntimeError):
    """An outbox row outside a transaction could be kept without its change, or lost with it."""


def publish(
    topic: str, advertiser_id: int, aggregate: tuple[str, int | str], payload: Mapping[str, Any]
) -> None:
    """One change of `aggregate` (type, id). `advertiser_id` is PLATFORM_WIDE where it concerns no advertiser.

    Raises NotInTransactionError outside an atomic block.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransactionError(f"publish({topic!r}) outside a transaction")
    kind, aggregate_id = aggregate
    OutboxEvent.objects.create(
        topic=topic,
        advertiser_id=advertiser_id,
        aggregate_type=kind,
        aggregate_id=str(aggregate_id),
        payload=dict(payload),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])
