"""Campaigns, their targeting and their creatives."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from campaigns.admin.base import ServiceAdmin
from campaigns.models import Campaign, Creative, ReviewStatus, Targeting
from campaigns.policy import Action
from campaigns.services.budget_change import budget_change
from campaigns.services.campaign_create import campaign_create
from campaigns.services.campaign_status import campaign_set_status
from campaigns.services.campaign_update import campaign_update
from campaigns.services.creative_review import creative_review
from campaigns.services.creative_save import creative_create, creative_update
from campaigns.services.targeting_set import FIELDS as TARGETING_FIELDS
from campaigns.services.targeting_set import targeting_set

BUDGETS = ("daily_budget_micros", "total_budget_micros")
SETTINGS = (
    "name",
    "bid_cpm_micros",
    "pacing",
    "starts_at",
    "ends_at",
    "categories",
    "frequency_cap_count",
    "frequency_cap_window_s",
)
CONTENT = (
    "crid",
    "format",
    "width",
    "height",
    "markup",
    "adomain",
    "categories",
    "attributes",
    "mimes",
    "duration_s",
    "protocols",
)


@admin.register(Campaign)
class CampaignAdmin(ServiceAdmin):
    view_action = Action.CAMPAIGNS_VIEW
    edit_action = Action.CAMPAIGNS_EDIT
    list_display = ("name", "advertiser", "status", "pacing", "daily_budget_micros", "dsp")
    list_filter = ("status", "pacing", "advertiser", "dsp")
    list_select_related = ("advertiser", "dsp")
    search_fields = ("name",)
    add_fields = ("advertiser", "time_zone", "dsp", *SETTINGS, *BUDGETS)
    shown_fields = ("advertiser", "dsp", "currency", "time_zone", "budget_version", "created_at")
    change_fields = ("status", *SETTINGS, *BUDGETS)

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        advertiser = values.pop("advertiser")
        return campaign_create(actor=request.user, advertiser_id=advertiser.pk, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        asked: dict[str, Any] = {"actor": request.user, "campaign_id": row.pk, "reason": reason}
        if set(values) & set(BUDGETS):
            # The form has put the new values on the row already.
            budget_change(**asked, **{name: getattr(row, name) for name in BUDGETS})
        if "status" in values:
            campaign_set_status(status=values["status"], **asked)
        settings = {name: values[name] for name in SETTINGS if name in values}
        if settings:
            campaign_update(**asked, **settings)


@admin.register(Targeting)
class TargetingAdmin(ServiceAdmin):
    view_action = Action.CAMPAIGNS_VIEW
    edit_action = Action.CAMPAIGNS_EDIT
    list_display = ("campaign",)
    list_select_related = ("campaign",)
    search_fields = ("campaign__name",)
    shown_fields = ("campaign",)
    change_fields = tuple(sorted(TARGETING_FIELDS))

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        if values:
            lists = {name: getattr(row, name) for name in self.change_fields}
            targeting_set(
                actor=request.user,  # type: ignore[arg-type]
                campaign_id=row.campaign_id,
                reason=reason,
                **lists,
            )


@admin.register(Creative)
class CreativeAdmin(ServiceAdmin):
    view_action = Action.CAMPAIGNS_VIEW
    edit_action = Action.CREATIVES_REVIEW
    list_display = ("crid", "campaign", "format", "width", "height", "review_status")
    list_filter = ("review_status", "format", "advertiser")
    list_select_related = ("campaign",)
    search_fields = ("crid",)
    add_fields = ("campaign", *CONTENT)
    shown_fields = ("advertiser", "campaign", "review_reason", "created_at")
    change_fields = ("review_status", *CONTENT)

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        campaign = values.pop("campaign")
        return creative_create(actor=request.user, campaign_id=campaign.pk, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        """Content first: it sets the review back to pending, and the decision is about the new content."""
        asked: dict[str, Any] = {"actor": request.user, "creative_id": row.pk, "reason": reason}
        decision = values.pop("review_status", ReviewStatus.PENDING)
        if values:
            creative_update(**asked, **values)
        if decision != ReviewStatus.PENDING:
            creative_review(approve=decision == ReviewStatus.APPROVED, **asked)
