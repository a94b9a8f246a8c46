"""Django's transactional outbox: what changed, written in the transaction that changed it.

The columns are those that Debezium's outbox event router reads (route by `topic`, key `aggregate_id`, payload
`payload`), so that an installation may replace our consumers by it.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

PLATFORM_WIDE = 0
"""The `advertiser_id` of rows that belong to no advertiser."""


class Xid8Field(models.BigIntegerField):
    """A full transaction id of Postgres: 64 bits, never wraps."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002 - Django's signature
        return "xid8"

    def from_db_value(self, value: str | None, *_: object) -> int | None:
        return None if value is None else int(value)


class OutboxEvent(models.Model):
    """One change. Rows are read in the order (xid, id), and only once every transaction up to `xid` has ended:
    ids alone are handed out before commit, so a lower one may appear after a higher one was read."""

    pk = models.CompositePrimaryKey("advertiser_id", "id")
    id = models.BigIntegerField(
        db_default=models.Func(models.Value("outbox_event_id"), function="nextval")
    )
    advertiser_id = models.BigIntegerField(default=PLATFORM_WIDE)
    xid = Xid8Field(db_default=models.Func(function="pg_current_xact_id"), editable=False)
    topic = models.CharField(max_length=64)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.CharField(max_length=64)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox_event"
        indexes = [models.Index(fields=["xid", "id"], name="outbox_event_position")]

    def __str__(self) -> str:
        return f"{self.topic} {self.aggregate_type} {self.aggregate_id}"


class OutboxCursor(models.Model):
    """How far one consumer has come."""

    consumer = models.CharField(max_length=64, primary_key=True)
    last_xid = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "outbox_cursor"

    def __str__(self) -> str:
        return f"{self.consumer} at {self.last_xid}/{self.last_id}"
