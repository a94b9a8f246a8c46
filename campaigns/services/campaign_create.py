"""Makes a campaign, with its row of targeting."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from campaigns import policy
from campaigns.models import Advertiser, Campaign, Dsp, Pacing, Targeting
from campaigns.policy import Action, Actor
from campaigns.services.campaign_lock import campaign_changed
from campaigns.services.change import change, save_valid


def campaign_create(
    *,
    actor: Actor,
    advertiser_id: int,
    name: str,
    daily_budget_micros: int,
    bid_cpm_micros: int,
    total_budget_micros: int | None = None,
    time_zone: str = "",
    pacing: str = Pacing.EVEN,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    dsp: Dsp | None = None,
    categories: list[str] | None = None,
    frequency_cap_count: int = 0,
    frequency_cap_window_s: int = 0,
    reason: str = "",
) -> Campaign:
    """A draft in the advertiser's currency and, unless named, time zone. `dsp`: only staff may name one.

    Raises PermissionDenied, ObjectDoesNotExist (advertiser), ValidationError.
    """
    with change(actor, reason):
        policy.require(actor, Action.CAMPAIGNS_EDIT, advertiser_id)
        policy.require(actor, Action.BUDGETS_EDIT, advertiser_id)
        if dsp is not None:
            policy.require(actor, Action.MARKET_EDIT)
        advertiser = Advertiser.objects.get(pk=advertiser_id)
        campaign = save_valid(
            Campaign(
                advertiser=advertiser,
                name=name,
                currency=advertiser.currency,
                time_zone=time_zone or advertiser.time_zone,
                daily_budget_micros=daily_budget_micros,
                total_budget_micros=total_budget_micros,
                bid_cpm_micros=bid_cpm_micros,
                pacing=pacing,
                starts_at=starts_at or timezone.now(),
                ends_at=ends_at,
                dsp=dsp,
                categories=categories or [],
                frequency_cap_count=frequency_cap_count,
                frequency_cap_window_s=frequency_cap_window_s,
            )
        )
        Targeting.objects.create(campaign=campaign)
        campaign_changed(campaign, "campaign.created")
    return campaign
