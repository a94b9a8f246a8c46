"""`manage.py budget_report`: where each campaign-day's budget is."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from billing.report import ReportLine, budget_report
from rtbplatform.kernel.calendar import BudgetCalendar

SHOWN = ("campaign", "day", "budget", "settled", "leased", "available", "unknown", "currency")


class Command(BaseCommand):
    help = "Show where each campaign-day's budget is, in micros."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", type=int, help="only this campaign's id")
        parser.add_argument("--day", help="only this day, as the report writes it")
        parser.add_argument("--json", action="store_true", help="all terms, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        calendar = BudgetCalendar(settings.PLATFORM.budget_day_seconds)
        lines = budget_report(calendar, options["campaign"], options["day"])
        if options["json"]:
            self.stdout.write(msgspec.json.encode(lines).decode())
            return
        self.stdout.write("  ".join(f"{name:>14}" for name in SHOWN))
        for line in lines:
            self.stdout.write("  ".join(f"{_shown(line, name):>14}" for name in SHOWN))


def _shown(line: ReportLine, name: str) -> str:
    return str(getattr(line, name))
