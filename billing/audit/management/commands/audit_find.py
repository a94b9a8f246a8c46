"""`manage.py audit_find REQUEST_ID`: all that happened to a request."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from billing.audit.find import find_request
from billing.audit.management.story import story
from rtbplatform.kernel.calendar import BudgetCalendar


class Command(BaseCommand):
    help = "Show all events of a request: every bid, debits, outcomes, notices, and whether the proof holds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("request_id")
        parser.add_argument(
            "--json", action="store_true", help="all of it, bodies as received too, as JSON"
        )
        parser.add_argument(
            "--personal", action="store_true", help="open personal parts whose key is still there"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        secret = settings.PLATFORM.rtb_secret
        found = find_request(options["request_id"], secret=secret, personal=options["personal"])
        if options["json"]:
            self.stdout.write(msgspec.json.encode(found).decode())
        else:
            calendar = BudgetCalendar(settings.PLATFORM.budget_day_seconds)
            self.stdout.write("\n\n".join("\n".join(story(one, calendar)) for one in found))
        if not found:
            self.stderr.write(f"Nothing is known of request {options['request_id']!r}.")
            sys.exit(1)
