"""Marks in bankers' streams, censuses, and what persons have signed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billing.protection import APPEND_ONLY, NO_TRUNCATE


class MarkRow(models.Model):
    """A number that every unclosed incarnation writes to its stream."""

    no = models.BigAutoField(primary_key=True)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "escrow_mark"

    def __str__(self) -> str:
        return str(self.no)


class CensusRow(models.Model):
    """A start of Postgres: nothing is granted, moved or released until everybody known has been heard."""

    no = models.BigIntegerField(primary_key=True)
    """Its mark."""
    server = models.CharField(max_length=100)
    """Which start of which Postgres."""
    regions = ArrayField(models.CharField(max_length=32), default=list)
    """Regions whose journal has been compared, or that a person confirmed."""
    awaits = ArrayField(models.CharField(max_length=32), default=list)
    """Regions that a journal knows, whether the database does or not."""
    opened_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "escrow_census"

    def __str__(self) -> str:
        return f"census {self.no}"


class Freeze(models.Model):
    """A campaign whose newer budget is known elsewhere: no lease until a person confirms the budget."""

    campaign_id = models.BigIntegerField()
    version = models.BigIntegerField()
    """The newest budget version that was seen."""
    reason = models.TextField()
    frozen_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "escrow_freeze"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign_id"],
                condition=Q(confirmed_at__isnull=True),
                name="freeze_once_while_open",
            ),
        ]

    def __str__(self) -> str:
        return f"campaign {self.campaign_id}"


class SignOff(models.Model):
    """A decision about money that only persons can take, with who took it and on what grounds."""

    class Kind(models.TextChoices):
        QUARANTINE = "quarantine"
        RECOVER = "recover", "recover an outbox"
        WRITE_OFF = "write_off"
        CENSUS = "census", "confirm a census"
        BUDGET = "budget", "confirm a budget"
        CREDIT = "credit", "change a credit line"

    kind = models.CharField(max_length=10, choices=Kind)
    subject = models.CharField(max_length=200)
    requested_by = models.CharField(max_length=254)
    signed_by = models.CharField(max_length=254, default="", blank=True)
    """The second person, where four eyes are asked for."""
    reason = models.TextField()
    details = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "escrow_sign_off"
        triggers = [APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
