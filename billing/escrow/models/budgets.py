"""Budgets: the campaign-day, the limits above it, and what regions hold of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

TERMS = ("available", "allocated", "leased", "held", "settled", "quarantined", "written_off")
"""Where a campaign-day's budget can be (E2)."""


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
    """NULL = no limit. A balance's: what was paid in, and its credit line."""
    credit_micros = models.BigIntegerField(default=0, db_default=0)
    """The credit line of a balance: what its limit has beyond the payments. Changed by billing.ledger.credit alone."""
    committed_micros = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "escrow_scope"
        constraints = [
            models.CheckConstraint(condition=Q(committed_micros__gte=0), name="scope_committed"),
            models.CheckConstraint(condition=Q(limit_micros__gte=0), name="scope_limit"),
            models.CheckConstraint(
                condition=Q(credit_micros__gte=0)
                & (Q(credit_micros=0) | Q(kind="balance", limit_micros__gte=F("credit_micros"))),
                name="scope_credit",
            ),
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
    excess_micros = _term()
    """Of the budget in force: leases adopted after a restore that no budget we know had money for."""
    forgiven_micros = _term()
    """Of what is settled: excess that was posted as platform loss instead of charged."""
    late_micros = _term()
    """Billed by notices after their hold was released: paid by the platform, never part of the budget (R7)."""

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
                for term in (*TERMS, "asked", "unknown", "excess", "forgiven", "late")
            ),
            models.CheckConstraint(
                condition=Q(unknown_micros__lte=F("settled_micros")),
                name="campaign_day_unknown_max",
            ),
            models.CheckConstraint(
                condition=Q(forgiven_micros__lte=F("settled_micros")),
                name="campaign_day_forgiven_max",
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
