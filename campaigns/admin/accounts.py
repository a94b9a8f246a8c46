"""Advertisers, people and teams."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from campaigns.admin.base import ReadOnlyAdmin, ServiceAdmin
from campaigns.models import Advertiser, Membership, User
from campaigns.policy import Action
from campaigns.services.advertiser_save import advertiser_create, advertiser_update
from campaigns.services.kill_switch import advertiser_kill
from campaigns.services.membership_set import membership_remove, membership_set


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    view_action = Action.ADVERTISERS_EDIT
    list_display = ("email", "is_active", "is_staff", "last_login")
    search_fields = ("email",)
    fields = ("email", "first_name", "last_name", "is_active", "is_staff", "groups", "last_login")


@admin.register(Advertiser)
class AdvertiserAdmin(ServiceAdmin):
    view_action = Action.CAMPAIGNS_VIEW
    edit_action = Action.ADVERTISERS_EDIT
    list_display = ("name", "currency", "time_zone", "is_active", "killed", "is_platform_owned")
    search_fields = ("name", "domain")
    add_fields = ("name", "currency", "domain", "time_zone", "is_platform_owned")
    shown_fields = ("currency", "time_zone", "is_platform_owned", "created_at")
    change_fields = ("name", "domain", "is_active", "killed")

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        return advertiser_create(actor=request.user, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        asked: dict[str, Any] = {"actor": request.user, "advertiser_id": row.pk, "reason": reason}
        if "killed" in values:
            advertiser_kill(killed=values.pop("killed"), **asked)
        if values:
            advertiser_update(**asked, **values)


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    view_action = Action.TEAM_EDIT
    edit_action = Action.TEAM_EDIT
    list_display = ("user", "advertiser", "role")
    list_filter = ("role", "advertiser")
    list_select_related = ("user", "advertiser")
    add_fields = ("user", "advertiser", "role")
    shown_fields = ("user", "advertiser", "created_at")
    change_fields = ("role",)

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        return membership_set(
            actor=request.user,  # type: ignore[arg-type]
            advertiser_id=values["advertiser"].pk,
            user_id=values["user"].pk,
            role=values["role"],
            reason=values["reason"],
        )

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        if values:
            membership_set(
                actor=request.user,  # type: ignore[arg-type]
                advertiser_id=row.advertiser_id,
                user_id=row.user_id,
                role=values["role"],
                reason=reason,
            )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        return {}  # the bulk deletion would pass by the service

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        membership_remove(
            actor=request.user,  # type: ignore[arg-type]
            advertiser_id=obj.advertiser_id,
            user_id=obj.user_id,
        )
