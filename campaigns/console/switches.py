"""Kill switches: platform, exchanges, DSPs, advertisers. Each asks for a reason before it is thrown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from campaigns.console.access import staff_page, user_of
from campaigns.models import Advertiser, Dsp, Exchange, PlatformSwitch, User
from campaigns.policy import Action
from campaigns.services.dsp_save import dsp_update
from campaigns.services.exchange_save import exchange_update
from campaigns.services.kill_switch import advertiser_kill, platform_switch_set
from rtbplatform.console.submitting import submitted

ADVERTISERS_MAX = 500
CONSEQUENCES = {
    "platform": "Every request of every exchange is answered without a bid until it is switched on again.",
    "exchange": "Its requests are refused until it is switched on again.",
    "dsp": "It is asked for no bids until it is switched on again.",
    "advertiser": "None of its campaigns takes part until it is switched on again.",
}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        help_text="Whoever finds the switch set will ask.",
        widget=forms.TextInput(attrs={"data-focus": ""}),
    )


def is_platform_killed() -> bool:
    return PlatformSwitch.objects.filter(pk=1, killed=True).exists()


@require_safe
@staff_page(Action.SWITCHES_EDIT)
def switches(request: HttpRequest) -> HttpResponse:
    def row(kind: str, one: Any, *, is_off: bool, note: str = "") -> dict[str, Any]:
        return {"kind": kind, "id": one.pk, "label": one.name, "is_off": is_off, "note": note}

    platform = {"kind": "platform", "id": 1, "label": "The whole platform"}
    platform |= {"is_off": is_platform_killed(), "note": CONSEQUENCES["platform"]}
    advertisers = Advertiser.objects.order_by("-killed", "name")[:ADVERTISERS_MAX]
    groups = [
        {"title": "Platform", "switches": [platform]},
        {
            "title": "Exchanges",
            "switches": [
                row("exchange", one, is_off=not one.active) for one in Exchange.objects.all()
            ],
        },
        {
            "title": "DSPs",
            "switches": [row("dsp", one, is_off=not one.active) for one in Dsp.objects.all()],
        },
        {
            "title": "Advertisers",
            "switches": [row("advertiser", one, is_off=one.killed) for one in advertisers],
        },
    ]
    return render(request, "market/switches.html", {"groups": groups, "may": {"edit": True}})


def _label(kind: str, row_id: str) -> tuple[str, int]:
    """Raises Http404 for what does not exist."""
    models: dict[str, Any] = {"exchange": Exchange, "dsp": Dsp, "advertiser": Advertiser}
    if kind == "platform":
        return "the whole platform", 1
    row = (
        models[kind].objects.filter(pk=row_id).first()
        if kind in models and row_id.isdigit()
        else None
    )
    if row is None:
        raise Http404
    return row.name, row.pk


def _throw(actor: User, kind: str, row_id: int, *, off: bool, reason: str) -> object:
    thrown: dict[str, Callable[[], object]] = {
        "platform": lambda: platform_switch_set(actor=actor, reason=reason, killed=off),
        "advertiser": lambda: advertiser_kill(
            actor=actor, advertiser_id=row_id, killed=off, reason=reason
        ),
        "exchange": lambda: exchange_update(
            actor=actor, exchange_id=row_id, active=not off, reason=reason
        ),
        "dsp": lambda: dsp_update(actor=actor, dsp_id=row_id, active=not off, reason=reason),
    }
    return thrown[kind]()


@require_POST
@staff_page(Action.SWITCHES_EDIT)
def switch(request: HttpRequest) -> HttpResponse:
    """First the page that asks why; with a reason, the switch."""
    kind, off = request.POST.get("kind", ""), request.POST.get("off") == "1"
    label, row_id = _label(kind, request.POST.get("id", ""))
    form = ReasonForm(request.POST if request.POST.get("confirmed") else None)
    if form.is_bound:
        reason = str(form.data.get("reason", ""))
        done = submitted(
            form, lambda: _throw(user_of(request), kind, row_id, off=off, reason=reason)
        )
        if done is not None:
            messages.success(request, f"Switched {'off' if off else 'on'}: {label}.")
            return redirect("console:switches")
    context = {"kind": kind, "id": row_id, "label": label, "off": off, "form": form}
    context["consequence"] = CONSEQUENCES[kind] if off else "It takes part again within 2 seconds."
    return render(
        request, "market/switch_confirm.html", context, status=422 if form.errors else 200
    )
