"""The Django app of the console's shared templates and tags."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "rtbplatform.console"
    label = "console"
