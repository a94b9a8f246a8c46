"""A campaign, locked for a change by somebody who may make it; and the news of the change."""

from __future__ import annotations

from typing import Any

from campaigns import policy
from campaigns.models import Campaign
from campaigns.policy import Action, Actor
from rtbplatform.outbox.publish import publish


def lock_campaign(actor: Actor, campaign_id: int, action: Action) -> Campaign:
    """Raises Campaign.DoesNotExist when there is none, or none that the actor may know of; PermissionDenied."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
    if not policy.allowed(actor, Action.CAMPAIGNS_VIEW, campaign.advertiser_id):
        raise Campaign.DoesNotExist(f"no campaign {campaign_id}")
    policy.require(actor, action, campaign.advertiser_id)
    return campaign


def campaign_changed(campaign: Campaign, topic: str, **payload: Any) -> None:
    """Publishes a change of a campaign; the payload always names it."""
    publish(
        topic,
        campaign.advertiser_id,
        ("campaign", campaign.pk),
        {"campaign": campaign.pk, **payload},
    )
