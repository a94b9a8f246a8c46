"""Who holds money outside Postgres: the lives of bankers, and the leases granted to them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Incarnation(models.Model):
    """One life of one banker, and how far its stream is settled (R2, R6)."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed", "closed: fenced, and settled to its end"
        STOPPED = "stopped", "stopped by an alarm: a person must look"
        QUARANTINED = "quarantined"

    id = models.UUIDField(primary_key=True)
    region = models.CharField(max_length=32)
    pod = models.CharField(max_length=64)
    machine = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    registered_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    settled_seq = models.BigIntegerField(default=0)
    settled_hash = models.BinaryField(max_length=32, default=bytes(32))
    settled_at = models.DateTimeField(null=True)
    mark = models.BigIntegerField(default=0)
    """The highest mark that it has settled, or that was there when it was registered."""
    epoch = models.BigIntegerField(default=0)
    """The newest census that it has settled the mark of."""
    quarantine_mark = models.BigIntegerField(null=True)
    """Made when it was quarantined: what streams hold after this mark was answered after its end. NULL once what it
    took along is reconciled."""
    alarm = models.TextField(default="", blank=True)

    class Meta:
        db_table = "escrow_incarnation"
        indexes = [models.Index(fields=["region", "state"])]

    def __str__(self) -> str:
        return f"{self.pod} {self.id}"


class LeaseRow(models.Model):
    """Money moved to one banker. While open: amount = settled + still leased; after: settled + returned."""

    class State(models.TextChoices):
        OPEN = "open"
        SEALED = "sealed", "sealed by its banker and settled through the seal"
        TOMBSTONED = "tombstoned", "sealed whole: it was never accepted"
        FENCED = "fenced", "its stream ended"
        QUARANTINED = "quarantined"
        WRITTEN_OFF = "written_off", "written off: reconciled and signed"

    pk = models.CompositePrimaryKey("advertiser_id", "id")
    advertiser_id = models.BigIntegerField()
    id = models.UUIDField()
    campaign_id = models.BigIntegerField()
    day = models.IntegerField()
    region = models.CharField(max_length=32)
    incarnation_id = models.UUIDField()
    request_no = models.BigIntegerField()
    no = models.BigIntegerField()
    budget_version = models.BigIntegerField()
    amount_micros = models.BigIntegerField()
    settled_micros = models.BigIntegerField(default=0)
    returned_micros = models.BigIntegerField(default=0)
    released_micros = models.BigIntegerField(default=0)
    """Of what is settled: holds released, or captured below their amount."""
    state = models.CharField(max_length=11, choices=State, default=State.OPEN)
    is_accepted = models.BooleanField(default=False)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """Past it the banker is asked for the lease, until sealed. Moves no money (R1)."""
    closed_at = models.DateTimeField(null=True)
    spend_for_ms = models.IntegerField()
    starts_in_ms = models.BigIntegerField()
    ends_in_ms = models.BigIntegerField()
    epoch = models.BigIntegerField(default=0)

    class Meta:
        db_table = "escrow_lease"
        constraints = [
            models.UniqueConstraint(
                fields=["incarnation_id", "request_no"], name="lease_once_per_request"
            ),
            # Per stream, not per day: an outbox recovered after a restore brings numbers that were given again.
            models.UniqueConstraint(
                fields=["incarnation_id", "campaign_id", "day", "no"], name="lease_no"
            ),
            models.CheckConstraint(
                condition=Q(settled_micros__gte=0)
                & Q(returned_micros__gte=0)
                & Q(settled_micros__lte=F("amount_micros") - F("returned_micros")),
                name="lease_e3",
            ),
            models.CheckConstraint(
                condition=Q(released_micros__gte=0) & Q(released_micros__lte=F("settled_micros")),
                name="lease_released",
            ),
            models.CheckConstraint(
                condition=Q(state="open", returned_micros=0)
                | Q(state="quarantined", returned_micros=0)
                | Q(returned_micros=F("amount_micros") - F("settled_micros")),
                name="lease_closed_is_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["region", "expires_at"], condition=Q(state="open"), name="lease_open_region"
            ),
            models.Index(
                fields=["incarnation_id"], condition=Q(state="open"), name="lease_open_incarnation"
            ),
            models.Index(fields=["campaign_id", "day"], name="lease_of_day"),
        ]

    def __str__(self) -> str:
        return f"lease {self.id}"
