"""`manage.py run_treasury`: the region's treasury, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from billing.treasury.process import Treasury
from rtbplatform.kernel.environment import SettingsError

LIMITS = (
    "-c idle_in_transaction_session_timeout=5s -c lock_timeout=3s -c statement_timeout=20s"
    " -c tcp_user_timeout=5s"
)
"""Rows that a cut-off region has locked stop every other region: Postgres ends its transaction then, and nothing is
lost, since whatever was not committed is done again."""


def limit_transactions() -> None:
    """For the connections that this process makes from now on, in all its threads."""
    options = connections.databases["default"]["OPTIONS"]
    options["options"] = f"{options.get('options', '')} {LIMITS}".strip()


class Command(BaseCommand):
    help = "Run this region's treasury: grants leases, settles streams, keeps budgets in force."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        limit_transactions()
        try:
            treasury = Treasury(settings.PLATFORM)
        except SettingsError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: treasury.stopping.set())
        sys.exit(treasury.run())
