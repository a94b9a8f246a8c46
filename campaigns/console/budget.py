"""Edits a campaign's budgets in place; below what is already out it shows the effective floor and asks."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from campaigns.console import figures
from campaigns.console.access import advertiser_page, user_of
from campaigns.console.campaign_forms import RENAMED, BudgetForm
from campaigns.console.campaign_page import campaign_or_404, context_of
from campaigns.models import Advertiser, Campaign
from campaigns.policy import Action
from campaigns.services.budget_change import budget_change
from rtbplatform.console.submitting import submitted


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.BUDGETS_EDIT)
def campaign_budget(request: HttpRequest, advertiser: Advertiser, campaign_id: int) -> HttpResponse:
    """A whole page, or for htmx the part inside the budget's card."""
    campaign = campaign_or_404(advertiser, campaign_id)
    context = context_of(request, advertiser, campaign, "campaign")
    if request.method == "GET":
        if request.GET.get("show"):
            return render(request, "campaigns/budget.html", context)
        form = BudgetForm(initial=BudgetForm.initial_of(campaign))
        return _form(request, {**context, "form": form}, status=200)
    form = BudgetForm(request.POST)
    floor_micros = _floor_to_confirm(request, campaign, form)
    if floor_micros is not None:
        asked = form.cleaned_data["daily_budget"]
        shown = {**context, "form": form, "floor_micros": floor_micros, "asked_micros": asked}
        return _form(request, shown, status=409)
    saved = submitted(form, lambda: _save(request, campaign, form), RENAMED)
    if saved is None:
        return _form(request, {**context, "form": form}, status=422)
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/budget.html", {**context, "campaign": saved})
    messages.success(request, "Budget saved. Bidders know it within 2 seconds.")
    return redirect("console:campaign", advertiser.pk, campaign.pk)


def _save(request: HttpRequest, campaign: Campaign, form: BudgetForm) -> Campaign:
    return budget_change(
        actor=user_of(request),
        campaign_id=campaign.pk,
        daily_budget_micros=form.cleaned_data["daily_budget"],
        total_budget_micros=form.cleaned_data["total_budget"],
        expected_version=form.cleaned_data["version"],
    )


def _floor_to_confirm(request: HttpRequest, campaign: Campaign, form: BudgetForm) -> int | None:
    """The effective floor when the asked budget is below it and the person has not yet said yes to it."""
    if not form.is_valid() or request.POST.get("confirmed_floor"):
        return None
    today = figures.today_of([campaign]).get(campaign.pk)
    asked: int = form.cleaned_data["daily_budget"]
    if today is None or asked >= today.floor_micros:
        return None
    return today.floor_micros


def _form(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    part = "budget_form" if request.headers.get("HX-Request") else "budget_page"
    return render(request, f"campaigns/{part}.html", context, status=status)
