"""Confirms a budget of which the database may have lost a newer version: as it stands, it becomes the newest."""

from __future__ import annotations

from campaigns.models import Campaign
from campaigns.policy import Action, Actor
from campaigns.services.budget_change import TOPIC
from campaigns.services.campaign_lock import campaign_changed, lock_campaign
from campaigns.services.change import change, save_valid


def budget_confirm(*, actor: Actor, campaign_id: int, above_version: int, reason: str) -> Campaign:
    """Raises `budget_version` above `above_version`. Raises Campaign.DoesNotExist, PermissionDenied."""
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.BUDGETS_EDIT)
        campaign.budget_version = max(campaign.budget_version, above_version) + 1
        save_valid(campaign)
        campaign_changed(
            campaign,
            TOPIC,
            daily_budget_micros=campaign.daily_budget_micros,
            total_budget_micros=campaign.total_budget_micros,
            budget_version=campaign.budget_version,
        )
    return campaign
