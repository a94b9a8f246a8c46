"""Demand partners: list, make, edit, switch."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.console.access import staff_page, user_of
from campaigns.console.exchanges import may_of
from campaigns.console.market_forms import DspForm, NewDspForm
from campaigns.models import Dsp
from campaigns.policy import Action
from campaigns.services.dsp_save import dsp_create, dsp_update
from rtbplatform.console.submitting import submitted


@require_safe
@staff_page(Action.MARKET_VIEW)
def dsps(request: HttpRequest) -> HttpResponse:
    context = {"dsps": Dsp.objects.all(), "may": may_of(request)}
    return render(request, "market/dsps.html", context)


@require_http_methods(["GET", "POST"])
@staff_page(Action.MARKET_EDIT)
def dsp_new(request: HttpRequest) -> HttpResponse:
    form = NewDspForm(request.POST or None)
    if request.method == "POST":
        actor = user_of(request)
        row = submitted(form, lambda: dsp_create(actor=actor, **form.values()))
        if row is not None:
            messages.success(request, f"{row.name} is asked for bids from now on.")
            return redirect("console:dsps")
    return _form_page(request, form, "New DSP")


@require_http_methods(["GET", "POST"])
@staff_page(Action.MARKET_EDIT)
def dsp_edit(request: HttpRequest, dsp_id: int) -> HttpResponse:
    row = get_object_or_404(Dsp, pk=dsp_id)
    form = DspForm(request.POST or None, initial=DspForm.initial_of(row))
    if request.method == "POST":
        actor = user_of(request)
        saved = submitted(form, lambda: dsp_update(actor=actor, dsp_id=row.pk, **form.values()))
        if saved is not None:
            messages.success(request, "Saved. Bidders know it within 2 seconds.")
            return redirect("console:dsps")
    return _form_page(request, form, f"Edit {row.name}")


def _form_page(request: HttpRequest, form: DspForm, title: str) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "back_url": reverse("console:dsps"),
        "back_label": "DSPs",
    }
    return render(request, "market/form.html", context, status=422 if form.errors else 200)
