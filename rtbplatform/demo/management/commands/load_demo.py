"""`manage.py load_demo`: the demo's advertisers, campaigns and market, and the file that tells how to get in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from rtbplatform.demo import file
from rtbplatform.demo.load import load


class Command(BaseCommand):
    help = "Loads the demo data, or completes it; writes logins and keys to DEMO_FILE (default var/demo.json)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--migrate", action="store_true", help="bring the tables up to date first"
        )

    def handle(self, *args: Any, migrate: bool = False, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if migrate:
            call_command("migrate", "--no-input", "-v", "1")
        path = Path(os.environ.get("DEMO_FILE") or settings.BASE_DIR / "var" / "demo.json")
        base_url = os.environ.get("DSP_BASE_URL") or "http://127.0.0.1:9000"
        content = load(base_url, file.read(path))
        file.write(path, content)
        self.stdout.write(
            f"Demo: {len(content.campaigns)} campaigns, {len(content.dsps)} DSPs; logins in {path}"
        )
