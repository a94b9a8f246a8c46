"""What all services share: the transaction, who acts and why, and saving with validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pghistory
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django_scopes import scopes_disabled

from campaigns.policy import Actor

M = TypeVar("M", bound=models.Model)


@contextmanager
def change(actor: Actor, reason: str = "") -> Iterator[None]:
    """One transaction whose history entries name the actor and the reason.

    Tenants' scopes are off inside: services check permission on the object itself, by `policy.require`.
    """
    with (
        transaction.atomic(),
        scopes_disabled(),
        pghistory.context(user=actor.pk, actor=str(actor), reason=reason),
    ):
        yield


def assign(instance: models.Model, values: Mapping[str, Any], editable: frozenset[str]) -> bool:
    """Sets fields; returns whether any differs. Raises ValidationError for a field that is not editable."""
    foreign = sorted(set(values) - editable)
    if foreign:
        raise ValidationError(dict.fromkeys(foreign, "This field cannot be changed."))
    differs = False
    for name, value in values.items():
        if getattr(instance, name) != value:
            setattr(instance, name, value)
            differs = True
    return differs


def save_valid(instance: M) -> M:
    """Raises ValidationError with a message per field; else saves."""
    instance.full_clean()
    instance.save()
    return instance
