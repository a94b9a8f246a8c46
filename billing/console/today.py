"""The live part of a campaign's page, and the data of its chart."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.console.day_figures import curve_today, today_of
from billing.console.spend_chart import series
from campaigns.console.access import advertiser_page
from campaigns.console.campaign_page import campaign_or_404
from campaigns.models import Advertiser
from campaigns.policy import Action


@never_cache
@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def today(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    figures = today_of([campaign])[campaign.pk]
    return render(request, "billing/today.html", {"campaign": campaign, "figures": figures})


@never_cache
@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def spend_series(
    request: HttpRequest,  # noqa: ARG001 - Django's signature
    advertiser: Advertiser,
    campaign_id: int,
) -> JsonResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    figures = today_of([campaign])[campaign.pk]
    return JsonResponse(series(campaign, figures, curve_today(campaign)))
