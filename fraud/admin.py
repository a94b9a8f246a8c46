"""Block lists in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from campaigns.admin.base import ServiceAdmin
from campaigns.policy import Action
from fraud.models import BlockEntry
from fraud.services import block_entry_remove, block_entry_set


@admin.register(BlockEntry)
class BlockEntryAdmin(ServiceAdmin):
    view_action = Action.BLOCKS_VIEW
    edit_action = Action.BLOCKS_EDIT
    list_display = ("kind", "value", "nbr", "expires_at", "created_by", "created_at")
    list_filter = ("kind",)
    list_select_related = ("created_by",)
    search_fields = ("value",)
    add_fields = ("kind", "value", "expires_at")
    shown_fields = ("kind", "value", "nbr", "created_by", "created_at")
    change_fields = ("expires_at",)

    def make(self, request: HttpRequest, values: dict[str, Any]) -> Model:
        reason = values.pop("reason")
        return block_entry_set(actor=request.user, block_reason=reason, **values)  # type: ignore[arg-type]

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any], reason: str) -> None:
        block_entry_set(
            actor=request.user,  # type: ignore[arg-type]
            kind=row.kind,
            value=row.value,
            nbr=row.nbr,
            block_reason=reason or row.reason,
            expires_at=values.get("expires_at", row.expires_at),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        return {}  # the bulk deletion would pass by the service

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        block_entry_remove(actor=request.user, entry_id=obj.pk)  # type: ignore[arg-type]
