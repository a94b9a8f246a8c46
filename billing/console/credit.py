"""An advertiser's credit line: what it is, a form to change it, and every change. Below what is committed it asks first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billing.ledger.credit import REASON_MAX, CreditLine, credit_changes, set_credit_line
from billing.selectors import BalanceFigures, balance
from campaigns.console.access import advertiser_page, user_of
from campaigns.models import Advertiser
from campaigns.policy import Action
from rtbplatform.console.amounts import AmountField
from rtbplatform.console.lists import page_of
from rtbplatform.console.submitting import submitted

RENAMED = {"amount_micros": "amount"}


class CreditForm(forms.Form):
    """`seen` is the line that the person saw: a change in between is not overwritten."""

    amount = AmountField(label="Credit line", help_text="Beyond what is paid in; 0 for none.")
    reason = forms.CharField(
        max_length=REASON_MAX, help_text="Kept for good: the contract, or who agreed to it."
    )
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
@advertiser_page(Action.CREDIT_EDIT)
def credit_line(request: HttpRequest, advertiser: Advertiser) -> HttpResponse:
    figures = balance(advertiser.pk)
    if request.method == "GET":
        now = figures.credit_micros
        return _page(request, advertiser, figures, CreditForm(initial={"amount": now, "seen": now}))
    form = CreditForm(request.POST)
    if limit := _limit_to_confirm(request, figures, form):
        return _page(request, advertiser, figures, form, 409, **limit)
    saved = submitted(form, lambda: _save(request, advertiser, form), RENAMED)
    if saved is None:
        return _page(request, advertiser, figures, form, 422)
    messages.success(request, "Credit line saved. It counts from the next lease on.")
    return redirect("console:credit_line", advertiser.pk)


def _save(request: HttpRequest, advertiser: Advertiser, form: CreditForm) -> CreditLine:
    return set_credit_line(
        actor=user_of(request),
        advertiser_id=advertiser.pk,
        amount_micros=form.cleaned_data["amount"],
        reason=form.cleaned_data["reason"],
        expected_micros=form.cleaned_data["seen"],
    )


def _limit_to_confirm(
    request: HttpRequest, figures: BalanceFigures, form: CreditForm
) -> dict[str, int]:
    """What to say before the limit sinks below what is committed; empty when it does not, or was said yes to."""
    if not form.is_valid():
        return {}
    asked: int = form.cleaned_data["amount"]
    limit = figures.limit_micros - figures.credit_micros + asked
    is_confirmed = request.POST.get("confirmed_micros") == str(asked)
    if is_confirmed or asked >= figures.credit_micros or limit >= figures.committed_micros:
        return {}
    return {"asked_micros": asked, "new_limit_micros": limit}


def _page(
    request: HttpRequest,
    advertiser: Advertiser,
    figures: BalanceFigures,
    form: CreditForm,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    page = page_of(request, credit_changes(advertiser.pk))
    context = {"advertiser": advertiser, "figures": figures, "form": form, "page": page, **more}
    return render(request, "billing/credit.html", context, status=status)
