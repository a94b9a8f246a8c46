"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "rtbplatform.outbox"
    label = "outbox"
