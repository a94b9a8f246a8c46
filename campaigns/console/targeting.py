"""Shows and edits which requests a campaign answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.console.access import advertiser_page, user_of
from campaigns.console.campaign_page import campaign_or_404, context_of
from campaigns.console.targeting_forms import TargetingForm, rows_of
from campaigns.models import Advertiser, Targeting
from campaigns.policy import Action
from campaigns.services.targeting_set import targeting_set
from rtbplatform.console.submitting import submitted


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def targeting(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    context = context_of(request, advertiser, campaign, "targeting")
    context["rows"] = rows_of(Targeting.objects.filter(campaign=campaign).first())
    return render(request, "campaigns/targeting.html", context)


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CAMPAIGNS_EDIT)
def targeting_edit(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    there = Targeting.objects.filter(campaign=campaign).first()
    form = TargetingForm(request.POST or None, initial=TargetingForm.initial_of(there))
    if request.method == "POST":
        saved = submitted(
            form,
            lambda: targeting_set(
                actor=user_of(request), campaign_id=campaign.pk, **form.cleaned_data
            ),
        )
        if saved is not None:
            messages.success(request, "Targeting saved. Bidders know it within 2 seconds.")
            return redirect("console:targeting", advertiser.pk, campaign.pk)
    context = context_of(request, advertiser, campaign, "targeting")
    context["form"] = form
    return render(
        request, "campaigns/targeting_form.html", context, status=422 if form.errors else 200
    )
