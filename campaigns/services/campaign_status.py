"""Starts, pauses, resumes and ends a campaign."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from campaigns.models import Campaign, CampaignStatus
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import campaign_changed, lock_campaign
from campaigns.services.change import change, save_valid

TOPIC = "campaign.status_changed"

_DRAFT, _ACTIVE = CampaignStatus.DRAFT, CampaignStatus.ACTIVE
_PAUSED, _ENDED = CampaignStatus.PAUSED, CampaignStatus.ENDED

NEXT: dict[str, frozenset[str]] = {
    _DRAFT: frozenset({_ACTIVE, _ENDED}),
    _ACTIVE: frozenset({_PAUSED, _ENDED}),
    _PAUSED: frozenset({_ACTIVE, _ENDED}),
    _ENDED: frozenset(),
}


def campaign_pause(*, actor: Actor, campaign_id: int, reason: str = "") -> Campaign:
    """Its bids stop within seconds. Raises as `campaign_set_status`."""
    return campaign_set_status(actor=actor, campaign_id=campaign_id, status=_PAUSED, reason=reason)


def campaign_resume(*, actor: Actor, campaign_id: int, reason: str = "") -> Campaign:
    """Starts a draft, or a paused campaign again. Raises as `campaign_set_status`."""
    return campaign_set_status(actor=actor, campaign_id=campaign_id, status=_ACTIVE, reason=reason)


def campaign_set_status(
    *, actor: Actor, campaign_id: int, status: str, reason: str = ""
) -> Campaign:
    """Setting the status that it has changes nothing. Raises Campaign.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.CAMPAIGNS_EDIT)
        if campaign.status == status:
            return campaign
        if status not in NEXT[campaign.status]:
            raise ValidationError(
                {"status": f"A campaign that is {campaign.status} cannot become {status}."}
            )
        campaign.status = status
        save_valid(campaign)
        campaign_changed(campaign, TOPIC, status=status)
    return campaign
