"""`manage.py audit_find REQUEST_ID`: all that happened to a request."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from billing.audit.find import Found, find_request


class Command(BaseCommand):
    help = "Show all events of a request: every bid, debits, outcomes, notices, and whether the proof holds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("request_id")
        parser.add_argument("--json", action="store_true", help="all of it, as JSON")
        parser.add_argument(
            "--personal", action="store_true", help="open personal parts whose key is still there"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        secret = settings.PLATFORM.rtb_secret
        found = find_request(options["request_id"], secret=secret, personal=options["personal"])
        if options["json"]:
            self.stdout.write(msgspec.json.encode(found).decode())
        else:
            for one in found:
                self.stdout.write(_sentence(one))
        if not found:
            self.stderr.write(f"Nothing is known of request {options['request_id']!r}.")
            sys.exit(1)


def _sentence(found: Found) -> str:
    amount = sum(line.amount_micros for line in found.lines)
    what = found.event.get("outcome") or found.event.get("kind", "")
    money = f", debited {amount} micros ({found.outcome})" if found.lines else ""
    proof = "verifies" if found.proof.hash_verifies else "DOES NOT VERIFY"
    return f"{found.at_ms} {found.type} {what}{money}; entry {found.proof.seq} of {found.proof.incarnation}, {proof}"
