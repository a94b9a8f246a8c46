"""Makes and changes creatives. What was changed has to be reviewed again."""

from __future__ import annotations

from typing import Any

from campaigns import policy
from campaigns.models import Creative, ReviewStatus
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import lock_campaign
from campaigns.services.change import assign, change
from campaigns.services.creative_rules import check_creative
from rtbplatform.outbox.publish import publish

TOPIC = "creative.changed"
EDITABLE = frozenset(
    {
        "crid",
        "format",
        "width",
        "height",
        "markup",
        "adomain",
        "categories",
        "attributes",
        "mimes",
        "duration_s",
        "protocols",
    }
)


def creative_create(*, actor: Actor, campaign_id: int, reason: str = "", **fields: Any) -> Creative:
    """Pending review. `adomain` is the advertiser's domain unless named.

    Raises Campaign.DoesNotExist, PermissionDenied, ValidationError.
    """
    with change(actor, reason):
        campaign = lock_campaign(actor, campaign_id, Action.CAMPAIGNS_EDIT)
        creative = Creative(campaign=campaign, advertiser_id=campaign.advertiser_id)
        assign(creative, {"adomain": [campaign.advertiser.domain], **fields}, EDITABLE)
        return _save(creative)


def creative_update(*, actor: Actor, creative_id: int, reason: str = "", **fields: Any) -> Creative:
    """Pending review again, unless nothing differs. Raises Creative.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        creative = lock_creative(actor, creative_id, Action.CAMPAIGNS_EDIT)
        if not assign(creative, fields, EDITABLE):
            return creative
        creative.review_status, creative.review_reason = ReviewStatus.PENDING, ""
        return _save(creative)


def lock_creative(actor: Actor, creative_id: int, action: Action) -> Creative:
    """Raises Creative.DoesNotExist when there is none that the actor may know of; PermissionDenied."""
    creative = Creative.objects.select_for_update().get(pk=creative_id)
    if not policy.allowed(actor, Action.CAMPAIGNS_VIEW, creative.advertiser_id):
        raise Creative.DoesNotExist(f"no creative {creative_id}")
    policy.require(actor, action, creative.advertiser_id)
    return creative


def creative_changed(creative: Creative) -> None:
    publish(
        TOPIC,
        creative.advertiser_id,
        ("creative", creative.pk),
        {
            "creative": creative.pk,
            "campaign": creative.campaign_id,
            "review_status": creative.review_status,
        },
    )


def _save(creative: Creative) -> Creative:
    creative.full_clean()
    check_creative(creative)
    creative.save()
    creative_changed(creative)
    return creative
