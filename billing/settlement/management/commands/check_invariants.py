"""`manage.py check_invariants`: whether all money adds up."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from billing.invariants import CHECKS, find_violations


class Command(BaseCommand):
    help = "Check that all money adds up; exit code 1 and a list when it does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the violations as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        violations = find_violations()
        if options["json"]:
            self.stdout.write(msgspec.json.encode(violations).decode())
        else:
            for violation in violations:
                self.stdout.write(f"{violation.invariant}: {violation.subject}: {violation.text}")
            if not violations:
                self.stdout.write(f"All {len(CHECKS)} invariants hold.")
        if violations:
            sys.exit(1)
