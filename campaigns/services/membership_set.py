"""Who is in an advertiser's team, and as what."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from campaigns import policy
from campaigns.models import Advertiser, Membership, Role
from campaigns.policy import Action, Actor
from campaigns.services.change import change, save_valid
from rtbplatform.outbox.publish import publish


def membership_set(
    *, actor: Actor, advertiser_id: int, user_id: int, role: str, reason: str = ""
) -> Membership:
    """Adds a person to the team, or changes their role. Raises ObjectDoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT, advertiser_id)
        _lock_team(advertiser_id)
        membership = Membership.objects.filter(user_id=user_id, advertiser_id=advertiser_id).first()
        if membership is None:
            membership = Membership(user_id=user_id, advertiser_id=advertiser_id)
        elif membership.role == role:
            return membership
        elif membership.role == Role.OWNER:
            _keep_an_owner(membership)
        membership.role = role
        save_valid(membership)
        _changed(membership, role)
    return membership


def membership_remove(*, actor: Actor, advertiser_id: int, user_id: int, reason: str = "") -> None:
    """Raises ObjectDoesNotExist, PermissionDenied, ValidationError (the last owner)."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT, advertiser_id)
        _lock_team(advertiser_id)
        membership = Membership.objects.get(user_id=user_id, advertiser_id=advertiser_id)
        if membership.role == Role.OWNER:
            _keep_an_owner(membership)
        _changed(membership, None)
        membership.delete()


def _lock_team(advertiser_id: int) -> None:
    """Two changes at once must not each take away what the other takes for the last owner."""
    Advertiser.objects.select_for_update().get(pk=advertiser_id)


def _keep_an_owner(leaving: Membership) -> None:
    owners = Membership.objects.filter(advertiser_id=leaving.advertiser_id, role=Role.OWNER)
    if not owners.exclude(pk=leaving.pk).exists():
        raise ValidationError({"role": "A team needs an owner: make somebody else one first."})


def _changed(membership: Membership, role: str | None) -> None:
    publish(
        "membership.changed",
        membership.advertiser_id,
        ("membership", membership.pk),
        {"user": membership.user_id, "role": role},
    )
