"""Field shapes that several models share."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


def texts(max_length: int, **options: Any) -> ArrayField:
    """A list of short texts; empty by default."""
    return ArrayField(models.CharField(max_length=max_length), default=list, blank=True, **options)


def integers(**options: Any) -> ArrayField:
    """A list of small numbers; empty by default."""
    return ArrayField(models.IntegerField(), default=list, blank=True, **options)


def not_negative(*fields: str, table: str) -> list[models.CheckConstraint]:
    """Amounts and limits are never below zero, whoever writes them. Null passes."""
    return [
        models.CheckConstraint(
            condition=models.Q(**{f"{field}__gte": 0}), name=f"{table}_{field}_not_negative"
        )
        for field in fields
    ]
