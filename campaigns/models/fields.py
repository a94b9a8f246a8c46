"""Field shapes that several models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

Check = Callable[[Any], None]


def texts(max_length: int, check: Check | None = None, **options: Any) -> ArrayField:
    """A list of short texts, each checked; empty by default."""
    item = models.CharField(max_length=max_length, validators=[check] if check else [])
    return ArrayField(item, default=list, blank=True, **options)


def integers(check: Check | None = None, **options: Any) -> ArrayField:
    """A list of small numbers, each checked; empty by default."""
    item = models.IntegerField(validators=[check] if check else [])
    return ArrayField(item, default=list, blank=True, **options)


def not_negative(*fields: str, table: str) -> list[models.BaseConstraint]:
    """Amounts and limits are never below zero, whoever writes them. Null passes."""
    return [
        models.CheckConstraint(
            condition=models.Q(**{f"{field}__gte": 0}), name=f"{table}_{field}_not_negative"
        )
        for field in fields
    ]
