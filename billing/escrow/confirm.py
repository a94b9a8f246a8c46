"""What only a person can say after a restore: that a region has lost nothing, that a campaign's budget is the right one.

Each is recorded with who said it and why.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from billing.escrow.models import Alarm, Freeze, SignOff
from billing.escrow.store import EscrowStore
from campaigns import policy
from campaigns.models import Campaign
from campaigns.policy import Action, Actor
from campaigns.services.budget_confirm import budget_confirm


class ConfirmError(ValueError):
    """It cannot be confirmed; the message says why."""


def person(email: str) -> Actor:
    """An active user by email. Raises ConfirmError."""
    user = get_user_model().objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise ConfirmError(f"Nobody who may sign in has the email {email}.")
    return user


@transaction.atomic
def confirm_census(store: EscrowStore, *, actor: Actor, region: str, reason: str) -> int:
    """Takes a region's part in the open census for done, though its journal cannot be compared; the census's number.

    Raises ConfirmError (no census waits for it, no reason), PermissionDenied.
    """
    policy.require(actor, Action.SWITCHES_EDIT)
    _require_reason(reason)
    census = store.lock_census()
    awaited = census.awaits if census is not None else set()
    if region not in awaited and not store.knows_region(region):
        raise ConfirmError(f"No banker of a region {region} was ever registered.")
    if census is None or region in census.regions:
        raise ConfirmError(f"No census waits for {region}.")
    census.regions.add(region)
    store.save_census(census)
    _clear("census_journal", region)
    SignOff.objects.create(
        kind=SignOff.Kind.CENSUS,
        subject=f"census {census.no}, {region}",
        requested_by=str(actor),
        reason=reason.strip(),
        details={"census": census.no, "region": region, "server": census.server},
    )
    return census.no


@transaction.atomic
def confirm_budget(*, actor: Actor, campaign_id: int, reason: str) -> Campaign:
    """The campaign's budget as it stands now is the newest: it may spend again.

    Raises ConfirmError (it is not frozen, no reason), Campaign.DoesNotExist, PermissionDenied.
    """
    _require_reason(reason)
    freeze = (
        Freeze.objects.select_for_update()
        .filter(campaign_id=campaign_id, confirmed_at=None)
        .first()
    )
    if freeze is None:
        raise ConfirmError(f"Campaign {campaign_id} is not frozen.")
    campaign = budget_confirm(
        actor=actor, campaign_id=campaign_id, above_version=freeze.version, reason=reason
    )
    freeze.confirmed_at = timezone.now()
    freeze.save(update_fields=["confirmed_at"])
    _clear("budget_frozen", f"campaign {campaign_id}")
    SignOff.objects.create(
        kind=SignOff.Kind.BUDGET,
        subject=f"campaign {campaign_id}",
        requested_by=str(actor),
        reason=reason.strip(),
        details={
            "lost_version": freeze.version,
            "version": campaign.budget_version,
            "daily_budget_micros": campaign.daily_budget_micros,
            "total_budget_micros": campaign.total_budget_micros,
        },
    )
    return campaign


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ConfirmError("Say why: whoever audits this will ask.")


def _clear(kind: str, subject: str) -> None:
    Alarm.objects.filter(kind=kind, subject=subject, cleared_at=None).update(
        cleared_at=timezone.now()
    )
