"""Exchanges and their keys, DSPs, rates, platform-wide switches."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from campaigns.admin.base import ReasonForm, ServiceAdmin
from campaigns.models import Dsp, Exchange, ExchangeKey, FxRate, PlatformSwitch
from campaigns.policy import Action
from campaigns.services.dsp_save import dsp_create, dsp_update
from campaigns.services.exchange_key import exchange_key_create, exchange_key_revoke
from campaigns.services.exchange_save import exchange_create, exchange_update
from campaigns.services.fx_rate_set import fx_rate_set
from campaigns.services.kill_switch import platform_switch_set

EXCHANGE_FIELDS = (
    "name",
    "qps_max",
    "increment_cpm_micros",
    "currencies",
    "charging",
    "billing_horizon_s",
    "explains_no_bids",
    "allows_debug",
    "signature_version",
    "active",
)
DSP_FIELDS = (
    "name",
    "seat",
    "endpoint",
    "formats",
    "countries",
    "currency",
    "timeout_ms",
    "in_flight_max",
    "qps_max",
    "gzip",
    "auth_header",
    "active",
)


class MarketAdmin(ServiceAdmin):
    view_action = Action.MARKET_VIEW
    edit_action = Action.MARKET_EDIT


@admin.register(Exchange)
class ExchangeAdmin(MarketAdmin):
    list_display = ("slug", "name", "charging", "qps_max", "active")
    add_fields = ("slug", *EXCHANGE_FIELDS)
    shown_fields = ("slug", "created_at")
    change_fields = EXCHANGE_FIELDS

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        return exchange_create(actor=request.user, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        exchange_update(actor=request.user, exchange_id=row.pk, reason=reason, **values)  # type: ignore[arg-type]


@admin.register(ExchangeKey)
class ExchangeKeyAdmin(MarketAdmin):
    """The clear key is shown once, in the message after it was made."""

    list_display = ("exchange", "label", "created_at", "revoked_at")
    list_select_related = ("exchange",)
    add_fields = ("exchange", "label")
    shown_fields = ("exchange", "label", "created_at", "revoked_at")
    actions = ("revoke",)

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        key, clear = exchange_key_create(
            actor=request.user,  # type: ignore[arg-type]
            exchange_id=values["exchange"].pk,
            label=values["label"],
            reason=values["reason"],
        )
        self.message_user(
            request, f"The key, shown only now: {clear}", messages.WARNING, fail_silently=True
        )
        return key

    @admin.action(description="Revoke", permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ExchangeKey]) -> None:
        for key in queryset:
            exchange_key_revoke(actor=request.user, key_id=key.pk)  # type: ignore[arg-type]


class DspForm(ReasonForm):
    auth_value = forms.CharField(
        required=False,
        widget=forms.PasswordInput,
        help_text="The header's value, kept sealed. Empty: as it is.",
    )


@admin.register(Dsp)
class DspAdmin(MarketAdmin):
    form = DspForm
    list_display = ("slug", "name", "seat", "endpoint", "active")
    add_fields = ("slug", *DSP_FIELDS, "auth_value")
    shown_fields = ("slug", "created_at")
    change_fields = (*DSP_FIELDS, "auth_value")

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        return dsp_create(actor=request.user, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        dsp_update(actor=request.user, dsp_id=row.pk, reason=reason, **values)  # type: ignore[arg-type]


@admin.register(FxRate)
class FxRateAdmin(MarketAdmin):
    list_display = ("as_of", "base", "quote", "rate")
    list_filter = ("base", "quote")
    add_fields = ("base", "quote", "rate", "as_of")
    shown_fields = ("base", "quote", "rate", "as_of")

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        return fx_rate_set(actor=request.user, **values)  # type: ignore[arg-type]


@admin.register(PlatformSwitch)
class PlatformSwitchAdmin(ServiceAdmin):
    view_action = Action.SWITCHES_EDIT
    edit_action = Action.SWITCHES_EDIT
    list_display = ("__str__", "killed")
    change_fields = (
        "killed",
        "velocity_ip_per_minute_max",
        "velocity_user_per_minute_max",
        "velocity_device_per_minute_max",
    )

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:  # noqa: ARG002
        platform_switch_set(actor=request.user, reason=reason, **values)  # type: ignore[arg-type]
