"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "rtbplatform.demo"
    label = "demo"
