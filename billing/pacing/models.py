"""The traffic that curves are learned from: a row per region and bin, however long it is watched."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class TrafficBin(models.Model):
    """Requests of the newest period (week, or rehearsal day) in a bin, and the mean of the periods before.

    A row folds its newest period into the mean when it first hears of a later one: the table does not grow.
    """

    pk = models.CompositePrimaryKey("day_seconds", "region", "bin")
    day_seconds = models.IntegerField()
    """As of BUDGET_DAY_SECONDS: bins of rehearsals say nothing about calendar days."""
    region = models.CharField(max_length=32)
    bin = models.IntegerField()
    period = models.BigIntegerField()
    requests = models.BigIntegerField()
    mean = models.FloatField(default=0.0)
    periods = models.IntegerField(default=0)

    class Meta:
        db_table = "pacing_traffic"
        constraints = [
            models.CheckConstraint(
                condition=Q(requests__gte=0) & Q(mean__gte=0) & Q(periods__gte=0),
                name="pacing_traffic_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region}: bin {self.bin}"
