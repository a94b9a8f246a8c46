"""Replaces a campaign's targeting."""

from __future__ import annotations

from typing import Any

from campaigns.models import Targeting
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import campaign_changed, lock_campaign
from campaigns.services.change import assign, change, save_valid
from rtbplatform.kernel.snapshot import TargetingView

FIELDS = frozenset(TargetingView.__struct_fields__)


def targeting_set(
    *, actor: Actor, campaign_id: int, reason: str = "", **lists: list[Any]
) -> Targeting:
    """Lists that are not named become empty, which targets all. Repeated values count once.

    Raises Campaign.DoesNotExist, PermissionDenied, ValidationError.
    """
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.CAMPAIGNS_EDIT)
        targeting = Targeting.objects.get(campaign=campaign)
        wanted = {name: list(dict.fromkeys(lists.get(name, []))) for name in FIELDS | set(lists)}
        if assign(targeting, wanted, FIELDS):
            save_valid(targeting)
            campaign_changed(campaign, "targeting.changed")
    return targeting
