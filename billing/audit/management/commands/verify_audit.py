"""`manage.py verify_audit`: whether the stored streams are as they were committed."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from billing.audit.chain import verify_all


class Command(BaseCommand):
    help = "Recompute the hash chain of every stream; exit code 1 when one does not verify."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="all streams as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        reports = list(verify_all())
        if options["json"]:
            self.stdout.write(msgspec.json.encode(reports).decode())
        else:
            for report in reports:
                verdict = report.problem or "verifies"
                self.stdout.write(f"{report.incarnation}  {report.chunks} chunks: {verdict}")
        if any(report.problem for report in reports):
            sys.exit(1)
