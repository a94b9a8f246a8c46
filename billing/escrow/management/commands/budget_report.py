"""`manage.py budget_report`: where each campaign-day's budget is."""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from billing.report import budget_report
from billing.report_table import table
from rtbplatform.kernel.calendar import BudgetCalendar


class Command(BaseCommand):
    help = "Show where each campaign-day's budget is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", type=int, help="only this campaign's id")
        parser.add_argument("--day", help="only this day, as the report writes it")
        parser.add_argument("--json", action="store_true", help="as JSON, in micros")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        calendar = BudgetCalendar(settings.PLATFORM.budget_day_seconds)
        campaign, day = options["campaign"], options["day"]
        lines = budget_report(calendar, campaign, day)
        if options["json"]:
            self.stdout.write(msgspec.json.encode(lines).decode())
        elif lines:
            self.stdout.write("\n".join(table(lines)))
        if not lines:
            self.stderr.write(_nothing(calendar, campaign, day))
            if campaign is not None or day is not None:
                sys.exit(1)


def _nothing(calendar: BudgetCalendar, campaign: int | None, day: str | None) -> str:
    of_campaign = "" if campaign is None else f" of campaign {campaign}"
    if day is None:
        return f"No budget day{of_campaign} was opened yet."
    today = calendar.label(calendar.day_of("UTC", time.time_ns() // 1_000_000))
    return f"No budget day {day!r}{of_campaign} is known; a day is written like {today}."
