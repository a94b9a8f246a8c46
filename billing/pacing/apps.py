"""The app `pacing`."""

from __future__ import annotations

from django.apps import AppConfig


class PacingConfig(AppConfig):
    name = "billing.pacing"
    label = "pacing"
    default_auto_field = "django.db.models.BigAutoField"
