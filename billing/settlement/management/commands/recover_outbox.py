"""`manage.py recover_outbox`: settles a quarantined outbox that was found; on the machine that has the file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.escrow.quarantine import QuarantineError
from billing.settlement.postgres import PgSettlementStore
from billing.settlement.recover import recover
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.wire import LEASE_PURPOSE


class Command(BaseCommand):
    help = "Settle a quarantined outbox to its end. You vouch that this file is the only one of its incarnation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the outbox, a .sqlite file")
        parser.add_argument("--by", required=True, help="your email address")
        parser.add_argument(
            "--reason", required=True, help="where it was, and why it is the only one"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        key = derive(settings.PLATFORM.rtb_secret, LEASE_PURPOSE)
        try:
            done = recover(
                PgSettlementStore(),
                options["file"],
                key,
                time.time_ns() // 1_000_000,
                by=options["by"],
                reason=options["reason"],
            )
        except QuarantineError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Incarnation {uuid_text(done.incarnation)} is settled to its end, entry {done.settled_seq}: "
            f"{done.entries} entries now. What it had left is free again."
        )
