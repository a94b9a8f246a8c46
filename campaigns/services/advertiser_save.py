"""Makes and changes advertisers."""

from __future__ import annotations

from typing import Any

from campaigns import policy
from campaigns.models import Advertiser
from campaigns.policy import Action, Actor
from campaigns.services.change import assign, change, save_valid
from rtbplatform.outbox.publish import publish

EDITABLE = frozenset({"name", "domain", "is_active"})
"""Not the currency: its money is in it. Not the time zone: it is only the default of new campaigns."""


def advertiser_create(
    *,
    actor: Actor,
    name: str,
    currency: str,
    domain: str,
    time_zone: str = "UTC",
    is_platform_owned: bool = False,
    reason: str = "",
) -> Advertiser:
    """Raises PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.ADVERTISERS_EDIT)
        advertiser = save_valid(
            Advertiser(
                name=name,
                currency=currency,
                domain=domain,
                time_zone=time_zone,
                is_platform_owned=is_platform_owned,
            )
        )
        advertiser_changed(advertiser)
    return advertiser


def advertiser_update(
    *, actor: Actor, advertiser_id: int, reason: str = "", **fields: Any
) -> Advertiser:
    """Raises Advertiser.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.ADVERTISERS_EDIT)
        advertiser = Advertiser.objects.select_for_update().get(pk=advertiser_id)
        if assign(advertiser, fields, EDITABLE):
            save_valid(advertiser)
            advertiser_changed(advertiser)
    return advertiser


def advertiser_changed(advertiser: Advertiser) -> None:
    publish(
        "advertiser.changed",
        advertiser.pk,
        ("advertiser", advertiser.pk),
        {
            "advertiser": advertiser.pk,
            "is_active": advertiser.is_active,
            "killed": advertiser.killed,
        },
    )
