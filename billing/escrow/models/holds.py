"""Charging on the billing notice: debits that wait for it, and notices that came before their debit."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class HoldRow(models.Model):
    """One imp's debit on an exchange that pays on its billing notice."""

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        RELEASED = "released", "released by a loss notice or at the end of its horizon"
        VOID = "void", "void: the answer was never sent"
        QUARANTINED = "quarantined"

    pk = models.CompositePrimaryKey("advertiser_id", "debit_id", "imp")
    advertiser_id = models.BigIntegerField()
    debit_id = models.UUIDField()
    imp = models.IntegerField()
    campaign_id = models.BigIntegerField()
    day = models.IntegerField()
    exchange_id = models.BigIntegerField()
    incarnation_id = models.UUIDField()
    seq = models.BigIntegerField()
    lines = models.BinaryField()
    """msgpack of `stream.DebitLine`s: which leases paid how much."""
    amount_micros = models.BigIntegerField()
    horizon_ms = models.BigIntegerField()
    settled_at = models.DateTimeField()
    due_at = models.DateTimeField()
    born_mark = models.BigIntegerField(default=0)
    """The highest mark that stood in its stream before it."""
    mark = models.BigIntegerField(null=True)
    """It is released when every incarnation has settled this mark."""
    state = models.CharField(max_length=11, choices=State, default=State.HELD)
    captured_micros = models.BigIntegerField(default=0)
    late_micros = models.BigIntegerField(default=0)
    is_unknown = models.BooleanField(default=False)
    blocked_by = models.UUIDField(null=True)
    """The quarantined incarnation that may have taken its notice to the grave."""

    class Meta:
        db_table = "escrow_hold"
        constraints = [
            models.CheckConstraint(
                condition=Q(captured_micros__gte=0, late_micros__gte=0), name="hold_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["debit_id"], name="hold_of_debit"),
            models.Index(fields=["due_at"], condition=Q(state="held", mark=None), name="hold_due"),
            models.Index(fields=["mark"], condition=Q(state="held"), name="hold_marked"),
            models.Index(fields=["campaign_id", "day"], name="hold_of_day"),
        ]

    def __str__(self) -> str:
        return f"hold {self.debit_id}/{self.imp}"


class OrphanRow(models.Model):
    """A notice that was settled before the debit it is about: it waits for that stream to catch up."""

    pk = models.CompositePrimaryKey("advertiser_id", "debit_id", "imp", "kind")
    advertiser_id = models.BigIntegerField()
    debit_id = models.UUIDField()
    imp = models.IntegerField()
    kind = models.CharField(max_length=8)
    exchange_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    day = models.IntegerField()
    lease_id = models.UUIDField()
    hold_micros = models.BigIntegerField()
    bill_micros = models.BigIntegerField()
    incarnation_id = models.UUIDField()
    """In whose stream the notice stands."""
    is_taken = models.BooleanField(default=False)
    parked_at = models.DateTimeField(auto_now_add=True)
    """Their order, with the kind: the first settled decides."""

    class Meta:
        db_table = "escrow_orphan"
        indexes = [
            models.Index(fields=["debit_id"], condition=Q(is_taken=False), name="orphan_of_debit"),
            models.Index(fields=["lease_id"], condition=Q(is_taken=False), name="orphan_of_lease"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.debit_id}/{self.imp}"
