"""Changes a campaign's settings, but for its budgets (`budget_change`) and status (`campaign_status`)."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import campaign_changed, lock_campaign
from campaigns.services.change import assign, change, save_valid

EDITABLE = frozenset(
    {
        "name",
        "bid_cpm_micros",
        "pacing",
        "starts_at",
        "ends_at",
        "categories",
        "frequency_cap_count",
        "frequency_cap_window_s",
    }
)
"""Not the currency and time zone: budget days and ledger entries were made in them."""


def campaign_update(*, actor: Actor, campaign_id: int, reason: str = "", **fields: Any) -> Campaign:
    """Raises Campaign.DoesNotExist, PermissionDenied, ValidationError (also for a field that is not EDITABLE)."""
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.CAMPAIGNS_EDIT)
        if assign(campaign, fields, EDITABLE):
            save_valid(campaign)
            campaign_changed(campaign, "campaign.changed")
    return campaign
