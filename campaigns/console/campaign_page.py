"""A campaign's pages share a head and tabs; the overview shows today's money and the settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from campaigns.console import figures
from campaigns.console.access import advertiser_page, may_of, user_of
from campaigns.models import Advertiser, Campaign
from campaigns.policy import Action

TABS = (
    ("Overview", "campaign"),
    ("Creatives", "creatives"),
    ("Targeting", "targeting"),
    ("Changes", "campaign_history"),
)


def campaign_or_404(advertiser: Advertiser, campaign_id: int) -> Campaign:
    """Of this advertiser only, whatever the scope says: two locks on one door."""
    rows = Campaign.objects.select_related("dsp")
    return get_object_or_404(rows, pk=campaign_id, advertiser=advertiser)


def context_of(
    request: HttpRequest, advertiser: Advertiser, campaign: Campaign, tab: str
) -> dict[str, Any]:
    """What every page of a campaign shows."""
    return {
        "advertiser": advertiser,
        "campaign": campaign,
        "may": may_of(user_of(request), advertiser),
        "tabs": [
            {
                "label": label,
                "url": reverse(f"console:{name}", args=[advertiser.pk, campaign.pk]),
                "is_current": name == tab,
            }
            for label, name in TABS
        ],
    }


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def overview(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    context = context_of(request, advertiser, campaign, "campaign")
    context["figures"] = figures.today_of([campaign]).get(campaign.pk)
    return render(request, "campaigns/overview.html", context)
