"""`manage.py run_treasury`: the region's treasury, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from billing.treasury.process import Treasury


class Command(BaseCommand):
    help = "Run this region's treasury: grants leases, settles streams, keeps budgets in force."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        treasury = Treasury(settings.PLATFORM)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: treasury.stopping.set())
        sys.exit(treasury.run())
