"""A campaign's creatives: list with previews, editing, and the platform's review."""

from __future__ import annotations

from csp.decorators import csp
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.console.access import advertiser_page, user_of
from campaigns.console.campaign_page import campaign_or_404, context_of
from campaigns.console.creative_forms import CreativeForm
from campaigns.models import Advertiser, Creative, ReviewStatus
from campaigns.policy import Action
from campaigns.services.creative_review import creative_review
from campaigns.services.creative_save import creative_create, creative_update
from rtbplatform.console.submitting import sentences, submitted

# A creative is somebody else's code: an origin of its own (sandbox), and nothing of ours within reach.
PREVIEW_POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'unsafe-inline'", "https:"],
    "style-src": ["'unsafe-inline'", "https:"],
    "img-src": ["https:", "data:"],
    "media-src": ["https:"],
    "font-src": ["https:", "data:"],
    "sandbox": ["allow-scripts"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'self'"],
}


def creative_or_404(advertiser: Advertiser, campaign_id: int, creative_id: int) -> Creative:
    return get_object_or_404(
        Creative, pk=creative_id, campaign_id=campaign_id, advertiser=advertiser
    )


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def creatives(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    context = context_of(request, advertiser, campaign, "creatives")
    context["creatives"] = list(Creative.objects.filter(campaign=campaign))
    return render(request, "campaigns/creatives.html", context)


@require_safe
@csp(PREVIEW_POLICY)
@xframe_options_sameorigin
@advertiser_page(Action.CAMPAIGNS_VIEW)
def preview(
    request: HttpRequest,  # noqa: ARG001 - Django's signature
    advertiser: Advertiser,
    campaign_id: int,
    creative_id: int,
) -> HttpResponse:
    """The markup as it stands, for a sandboxed frame only."""
    creative = creative_or_404(advertiser, campaign_id, creative_id)
    head = "<!doctype html><meta charset=utf-8><style>body{margin:0}</style>"
    response = HttpResponse(head + creative.markup)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CAMPAIGNS_EDIT)
def creative_new(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    return _form_page(request, advertiser, campaign_id, None)


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CAMPAIGNS_EDIT)
def creative_edit(
    request: HttpRequest, advertiser: Advertiser, campaign_id: int, creative_id: int
) -> HttpResponse:
    creative = creative_or_404(advertiser, campaign_id, creative_id)
    return _form_page(request, advertiser, campaign_id, creative)


def _form_page(
    request: HttpRequest, advertiser: Advertiser, campaign_id: int, creative: Creative | None
) -> HttpResponse:
    campaign = campaign_or_404(advertiser, campaign_id)
    initial = {"adomain": [advertiser.domain]}
    form = CreativeForm(
        request.POST or None,
        initial=CreativeForm.initial_of(creative) if creative else initial,
    )

    def save() -> Creative:
        actor = user_of(request)
        if creative is None:
            return creative_create(actor=actor, campaign_id=campaign.pk, **form.values())
        return creative_update(actor=actor, creative_id=creative.pk, **form.values())

    if request.method == "POST" and submitted(form, save) is not None:
        messages.success(request, "Saved. It is shown once the platform has approved it.")
        return redirect("console:creatives", advertiser.pk, campaign.pk)
    context = context_of(request, advertiser, campaign, "creatives")
    context |= {"form": form, "creative": creative}
    return render(
        request, "campaigns/creative_form.html", context, status=422 if form.errors else 200
    )


@require_POST
@advertiser_page(Action.CAMPAIGNS_VIEW)  # the service asks for the right to review
def review(
    request: HttpRequest, advertiser: Advertiser, campaign_id: int, creative_id: int
) -> HttpResponse:
    creative = creative_or_404(advertiser, campaign_id, creative_id)
    status = request.POST.get("status")
    if status in {ReviewStatus.APPROVED, ReviewStatus.REJECTED}:
        try:
            creative_review(
                actor=user_of(request),
                creative_id=creative.pk,
                approve=status == ReviewStatus.APPROVED,
                reason=request.POST.get("reason", ""),
            )
            messages.success(request, f"{creative.crid} is {status}.")
        except ValidationError as error:
            messages.error(request, sentences(error))
    return redirect("console:creatives", advertiser.pk, campaign_id)
