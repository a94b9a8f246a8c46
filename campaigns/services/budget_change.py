"""Changes the budgets that a campaign asks for. What is in force is decided by escrow."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from campaigns.models import Campaign
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import campaign_changed, lock_campaign
from campaigns.services.change import change, save_valid

TOPIC = "campaign.budget_changed"


def budget_change(
    *,
    actor: Actor,
    campaign_id: int,
    daily_budget_micros: int,
    total_budget_micros: int | None,
    expected_version: int | None = None,
    reason: str = "",
) -> Campaign:
    """`total_budget_micros` None: no limit. `expected_version`: the budget_version that the person saw.

    Raises Campaign.DoesNotExist, PermissionDenied, ValidationError (also when the budget changed meanwhile).
    """
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.BUDGETS_EDIT)
        if expected_version is not None and expected_version != campaign.budget_version:
            raise ValidationError(
                "Somebody else has changed this budget meanwhile: look at it again, then decide."
            )
        asked = (daily_budget_micros, total_budget_micros)
        if asked == (campaign.daily_budget_micros, campaign.total_budget_micros):
            return campaign
        campaign.daily_budget_micros, campaign.total_budget_micros = asked
        campaign.budget_version += 1
        save_valid(campaign)
        campaign_changed(
            campaign,
            TOPIC,
            daily_budget_micros=daily_budget_micros,
            total_budget_micros=total_budget_micros,
            budget_version=campaign.budget_version,
        )
    return campaign
