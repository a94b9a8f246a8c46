"""The app `escrow`."""

from __future__ import annotations

from django.apps import AppConfig


class EscrowConfig(AppConfig):
    name = "billing.escrow"
    label = "escrow"
    default_auto_field = "django.db.models.BigAutoField"
