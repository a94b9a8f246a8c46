"""The history of every tracked table: written by triggers, only to be read."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from pghistory.models import Event

from campaigns.admin.base import ReadOnlyAdmin
from campaigns.policy import Action

TRACKED_APPS = ("campaigns", "fraud")


class HistoryAdmin(ReadOnlyAdmin):
    view_action = Action.AUDIT_VIEW
    list_display = ("pgh_created_at", "pgh_label", "pgh_obj_id", "actor", "reason")
    list_filter = ("pgh_label",)
    list_select_related = ("pgh_context",)
    ordering = ("-pgh_id",)

    @admin.display(description="by")
    def actor(self, event: Any) -> str:
        return self._told(event, "actor")

    @admin.display(description="why")
    def reason(self, event: Any) -> str:
        return self._told(event, "reason")

    def _told(self, event: Any, name: str) -> str:
        return str(event.pgh_context.metadata.get(name, "")) if event.pgh_context else ""


for app in TRACKED_APPS:
    for model in apps.get_app_config(app).get_models():
        if issubclass(model, Event):
            admin.site.register(model, HistoryAdmin)
