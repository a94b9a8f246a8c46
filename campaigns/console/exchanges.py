"""Exchanges and their keys. A new key is shown once, in the answer that made it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import policy
from campaigns.console.access import staff_page, user_of
from campaigns.console.market_forms import ExchangeForm, NewExchangeForm
from campaigns.models import Exchange, ExchangeKey
from campaigns.policy import Action
from campaigns.services.exchange_key import (
    exchange_key_create,
    exchange_key_revoke,
    exchange_signing_key,
)
from campaigns.services.exchange_save import exchange_create, exchange_update
from rtbplatform.console.submitting import sentences, submitted

RENAMED = {"increment_cpm_micros": "increment_cpm"}


def may_of(request: HttpRequest) -> dict[str, bool]:
    return {"edit": policy.allowed(user_of(request), Action.MARKET_EDIT)}


@require_safe
@staff_page(Action.MARKET_VIEW)
def exchanges(request: HttpRequest) -> HttpResponse:
    in_force = Count("keys", filter=Q(keys__revoked_at=None))
    rows = Exchange.objects.annotate(keys_in_force=in_force)
    return render(request, "market/exchanges.html", {"exchanges": rows, "may": may_of(request)})


@never_cache
@require_safe
@staff_page(Action.MARKET_VIEW)
def exchange(request: HttpRequest, exchange_id: int) -> HttpResponse:
    return _page(request, get_object_or_404(Exchange, pk=exchange_id))


def _page(request: HttpRequest, row: Exchange, new_key: str = "") -> HttpResponse:
    may = may_of(request)
    context = {
        "exchange": row,
        "keys": row.keys.all(),
        "may": may,
        "new_key": new_key,
        "signing_key": exchange_signing_key(row) if may["edit"] else "",
    }
    return render(request, "market/exchange.html", context)


@require_http_methods(["GET", "POST"])
@staff_page(Action.MARKET_EDIT)
def exchange_new(request: HttpRequest) -> HttpResponse:
    form = NewExchangeForm(request.POST or None)
    if request.method == "POST":
        actor = user_of(request)
        row = submitted(form, lambda: exchange_create(actor=actor, **form.values()), RENAMED)
        if row is not None:
            messages.success(request, f"{row.name} exists. It needs a key before it can sell.")
            return redirect("console:exchange", row.pk)
    return _form_page(request, form, "New exchange", reverse("console:exchanges"))


@require_http_methods(["GET", "POST"])
@staff_page(Action.MARKET_EDIT)
def exchange_edit(request: HttpRequest, exchange_id: int) -> HttpResponse:
    row = get_object_or_404(Exchange, pk=exchange_id)
    form = ExchangeForm(request.POST or None, initial=ExchangeForm.initial_of(row))
    if request.method == "POST":
        actor = user_of(request)
        saved = submitted(
            form, lambda: exchange_update(actor=actor, exchange_id=row.pk, **form.values()), RENAMED
        )
        if saved is not None:
            messages.success(request, "Saved. Bidders know it within 2 seconds.")
            return redirect("console:exchange", row.pk)
    return _form_page(request, form, f"Edit {row.name}", reverse("console:exchange", args=[row.pk]))


def _form_page(request: HttpRequest, form: ExchangeForm, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back_url": back, "back_label": "Exchanges"}
    return render(request, "market/form.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@staff_page(Action.MARKET_EDIT)
def exchange_rotate(request: HttpRequest, exchange_id: int) -> HttpResponse:
    """The key stands in this answer only: it is not kept in a session or message on the way."""
    row = get_object_or_404(Exchange, pk=exchange_id)
    label = request.POST.get("label", "").strip() or "made in the console"
    try:
        _, clear = exchange_key_create(actor=user_of(request), exchange_id=row.pk, label=label)
    except ValidationError as error:
        messages.error(request, sentences(error))
        return redirect("console:exchange", row.pk)
    return _page(request, row, new_key=clear)


@require_POST
@staff_page(Action.MARKET_EDIT)
def exchange_revoke(request: HttpRequest, exchange_id: int, key_id: int) -> HttpResponse:
    key = get_object_or_404(ExchangeKey, pk=key_id, exchange_id=exchange_id)
    exchange_key_revoke(actor=user_of(request), key_id=key.pk)
    messages.success(request, f"{key.label} is revoked. Requests with it are refused.")
    return redirect("console:exchange", exchange_id)
