"""The app `settlement`."""

from __future__ import annotations

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "billing.settlement"
    label = "settlement"
    default_auto_field = "django.db.models.BigAutoField"
