"""Makes and edits a campaign, pauses and resumes it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import policy
from campaigns.console.access import advertiser_page, user_of
from campaigns.console.campaign_forms import RENAMED, CampaignForm, NewCampaignForm
from campaigns.console.campaign_page import campaign_or_404
from campaigns.models import Advertiser, Campaign
from campaigns.policy import Action
from campaigns.services.campaign_create import campaign_create
from campaigns.services.campaign_status import campaign_pause, campaign_resume
from campaigns.services.campaign_update import campaign_update
from rtbplatform.console.submitting import sentences, submitted


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CAMPAIGNS_EDIT)
def campaign_new(request: HttpRequest, advertiser: Advertiser) -> HttpResponse:
    user = user_of(request)
    now = timezone.now().astimezone(ZoneInfo(advertiser.time_zone))
    form = NewCampaignForm(
        request.POST or None,
        may_choose_dsp=policy.allowed(user, Action.MARKET_EDIT),
        initial={"time_zone": advertiser.time_zone, "starts_at": now, "pacing": "even"},
    )
    if request.method == "POST":
        campaign = submitted(
            form,
            lambda: campaign_create(actor=user, advertiser_id=advertiser.pk, **form.values()),
            RENAMED,
        )
        if campaign is not None:
            messages.success(request, f"{campaign.name} is a draft. Add a creative, then start it.")
            return redirect("console:creatives", advertiser.pk, campaign.pk)
    return _form_page(request, advertiser, form, None)


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CAMPAIGNS_EDIT)
def campaign_edit(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    form = CampaignForm(request.POST or None, initial=CampaignForm.initial_of(campaign))
    form.zone = campaign.time_zone
    if request.method == "POST":
        saved = submitted(
            form,
            lambda: campaign_update(
                actor=user_of(request), campaign_id=campaign.pk, **form.values()
            ),
            RENAMED,
        )
        if saved is not None:
            messages.success(request, "Saved. Bidders know it within 2 seconds.")
            return redirect("console:campaign", advertiser.pk, campaign.pk)
    return _form_page(request, advertiser, form, campaign)


def _form_page(
    request: HttpRequest, advertiser: Advertiser, form: CampaignForm, campaign: Campaign | None
) -> HttpResponse:
    context = {
        "advertiser": advertiser,
        "campaign": campaign,
        "form": form,
        "currency": advertiser.currency if campaign is None else campaign.currency,
    }
    return render(request, "campaigns/form.html", context, status=422 if form.errors else 200)


@require_POST
@advertiser_page(Action.CAMPAIGNS_EDIT)
def pause(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    try:
        campaign_pause(actor=user_of(request), campaign_id=campaign.pk)
        messages.success(request, "Paused. Bidding stops within 2 seconds.")
    except ValidationError as error:
        messages.error(request, sentences(error))
    return redirect("console:campaign", advertiser.pk, campaign.pk)


@require_POST
@advertiser_page(Action.CAMPAIGNS_EDIT)
def resume(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    try:
        campaign_resume(actor=user_of(request), campaign_id=campaign.pk)
        messages.success(request, "Active. Bidders know it within 2 seconds.")
    except ValidationError as error:
        messages.error(request, sentences(error))
    return redirect("console:campaign", advertiser.pk, campaign.pk)
