"""The platform's decision on a creative: only approved ones reach the bidders."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from campaigns.models import Creative, ReviewStatus
from campaigns.policy import Action, Actor
from campaigns.services.change import change, save_valid
from campaigns.services.creative_save import creative_changed, lock_creative


def creative_review(*, actor: Actor, creative_id: int, approve: bool, reason: str = "") -> Creative:
    """A rejection needs a reason: the advertiser reads it. Raises Creative.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        creative = lock_creative(actor, creative_id, Action.CREATIVES_REVIEW)
        if not approve and not reason.strip():
            raise ValidationError({"reason": "Say why, so that the advertiser can mend it."})
        creative.review_status = ReviewStatus.APPROVED if approve else ReviewStatus.REJECTED
        creative.review_reason = reason
        save_valid(creative)
        creative_changed(creative)
    return creative
