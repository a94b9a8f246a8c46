"""Tells the campaigns' pages where today's money is kept, once Django has started."""

from __future__ import annotations

from django.apps import AppConfig


class BillingConsoleConfig(AppConfig):
    name = "billing.console"
    label = "billing_console"

    def ready(self) -> None:
        from billing.console.day_figures import today_of
        from campaigns.console import figures

        figures.register(today_of)
