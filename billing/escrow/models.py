"""Who holds which part of a budget, in Postgres. Every table's key starts with the advertiser, so that rows can be
partitioned and sharded by it; only `Incarnation` belongs to a machine instead.

Rows change only through `repository` (locks) and what the decisions of `coordinator`, `allocator` and the settlement's
fold say; the CHECKs below are the last line: a wrong decision is refused, not recorded.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

TERMS = ("available", "allocated", "leased", "held", "settled", "quarantined", "written_off")
"""Where a campaign-day's budget can be (E2)."""


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
    alarm = models.TextField(default="", blank=True)

    class Meta:
        db_table = "escrow_incarnation"
        indexes = [models.Index(fields=["region", "state"])]

    def __str__(self) -> str:
        return f"{self.pod} {self.id}"


class BudgetScope(models.Model):
    """A limit above the campaign-day: an advertiser's balance, or a campaign's total.

    `committed` is all that its campaign-days have moved out of `available`, for good or for now.
    """

    class Kind(models.TextChoices):
        BALANCE = "balance"
        TOTAL = "total"

    pk = models.CompositePrimaryKey("advertiser_id", "kind", "campaign_id")
    advertiser_id = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    campaign_id = models.BigIntegerField(default=0)
    """0 for the balance."""
    limit_micros = models.BigIntegerField(null=True)
    """NULL = no limit."""
    committed_micros = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "escrow_scope"
        constraints = [
            models.CheckConstraint(condition=Q(committed_micros__gte=0), name="scope_committed"),
            models.CheckConstraint(condition=Q(limit_micros__gte=0), name="scope_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.advertiser_id}/{self.campaign_id}"


def _term() -> models.BigIntegerField[int, int]:
    return models.BigIntegerField(default=0)


class CampaignDay(models.Model):
    """A campaign's budget of one budget day, and where every micro of it is."""

    pk = models.CompositePrimaryKey("advertiser_id", "campaign_id", "day")
    advertiser_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    day = models.IntegerField()
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_running = models.BooleanField(default=False)
    """Whether leases may be granted: the campaign is active and within its dates."""
    is_closed = models.BooleanField(default=False)
    """The day is over and nothing of it is allocated, leased or held. Late voids still credit it."""
    asked_micros = models.BigIntegerField()
    budget_micros = models.BigIntegerField()
    """In force: what was asked, or the effective floor while more than that is out."""
    version = models.BigIntegerField()
    """The campaign's budget version that was applied last."""
    lease_no_high = models.BigIntegerField(default=0)
    available_micros = _term()
    allocated_micros = _term()
    leased_micros = _term()
    held_micros = _term()
    settled_micros = _term()
    quarantined_micros = _term()
    written_off_micros = _term()
    unknown_micros = _term()
    """Of what is settled: debits whose answer may or may not have been sent (R8)."""
    loss_micros = _term()
    """Delivered beyond the budget: paid by the platform, never part of the budget (R7)."""

    class Meta:
        db_table = "escrow_campaign_day"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    budget_micros=F("available_micros")
                    + F("allocated_micros")
                    + F("leased_micros")
                    + F("held_micros")
                    + F("settled_micros")
                    + F("quarantined_micros")
                    + F("written_off_micros")
                ),
                name="campaign_day_e2",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{term}_micros__gte": 0}), name=f"campaign_day_{term}"
                )
                for term in (*TERMS, "asked", "unknown", "loss")
            ),
            models.CheckConstraint(
                condition=Q(unknown_micros__lte=F("settled_micros")),
                name="campaign_day_unknown_max",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign_id", "day"]),
            models.Index(
                fields=["ends_at"], condition=Q(is_closed=False), name="campaign_day_not_closed"
            ),
        ]

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} day {self.day}"


class RegionAllocation(models.Model):
    """A region's part of a campaign-day that is not leased yet, and how fast bankers there ask."""

    pk = models.CompositePrimaryKey("advertiser_id", "campaign_id", "day", "region")
    advertiser_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    day = models.IntegerField()
    region = models.CharField(max_length=32)
    unleased_micros = models.BigIntegerField(default=0)
    demand_micros_s = models.BigIntegerField(default=0)
    """Moving average of what was asked for, in micros per second, as of `asked_at`."""
    asked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "escrow_region_allocation"
        constraints = [
            models.CheckConstraint(condition=Q(unleased_micros__gte=0), name="region_unleased"),
        ]

    def __str__(self) -> str:
        return f"{self.region}: campaign {self.campaign_id} day {self.day}"


class LeaseRow(models.Model):
    """Money moved to one banker. While open: amount = settled + still leased; after: settled + returned."""

    class State(models.TextChoices):
        OPEN = "open"
        SEALED = "sealed", "sealed by its banker and settled through the seal"
        TOMBSTONED = "tombstoned", "sealed whole: it was never accepted"
        FENCED = "fenced", "its stream ended"
        QUARANTINED = "quarantined"

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
    state = models.CharField(max_length=11, choices=State, default=State.OPEN)
    is_accepted = models.BooleanField(default=False)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """Past it the banker is asked for the lease, until sealed. Moves no money (R1)."""
    closed_at = models.DateTimeField(null=True)
    spend_for_ms = models.IntegerField()
    starts_in_ms = models.BigIntegerField()
    ends_in_ms = models.BigIntegerField()

    class Meta:
        db_table = "escrow_lease"
        constraints = [
            models.UniqueConstraint(
                fields=["incarnation_id", "request_no"], name="lease_once_per_request"
            ),
            models.UniqueConstraint(fields=["campaign_id", "day", "no"], name="lease_no"),
            models.CheckConstraint(
                condition=Q(settled_micros__gte=0)
                & Q(returned_micros__gte=0)
                & Q(settled_micros__lte=F("amount_micros") - F("returned_micros")),
                name="lease_e3",
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


class TreasuryBeat(models.Model):
    """A treasury process's sign of life, for the console and the supervisor."""

    region = models.CharField(max_length=32, primary_key=True)
    pid = models.IntegerField()
    beat_at = models.DateTimeField()
    numbers = models.JSONField(default=dict)

    class Meta:
        db_table = "escrow_treasury_beat"

    def __str__(self) -> str:
        return f"treasury of {self.region}"


class Alarm(models.Model):
    """Something that money depends on is not as it must be: a person must look."""

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    raised_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(auto_now=True)
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "escrow_alarm"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(cleared_at__isnull=True),
                name="alarm_once_while_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
