"""Signs of life and of trouble."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


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
