"""The page of a campaign's changes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.console import changes
from campaigns.console.access import advertiser_page
from campaigns.console.campaign_page import campaign_or_404, context_of
from campaigns.models import Advertiser
from campaigns.policy import Action
from rtbplatform.console.lists import page_of


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def campaign_history(
    request: HttpRequest, advertiser: Advertiser, campaign_id: int
) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    context = context_of(request, advertiser, campaign, "campaign_history")
    context["page"] = page_of(request, changes.of_campaign(campaign))
    return render(request, "campaigns/history.html", context)
