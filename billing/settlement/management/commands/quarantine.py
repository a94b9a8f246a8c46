"""`manage.py quarantine`: ends a stream whose outbox is lost, by a person's decision."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.escrow.quarantine import QuarantineError
from billing.settlement.persons import incarnation_of, quarantine_by_hand
from billing.settlement.postgres import PgSettlementStore


class Command(BaseCommand):
    help = "Put what a lost outbox has into quarantine: spent for the day, until it is recovered or written off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("incarnation", help="its id, as the health page shows it")
        parser.add_argument("--by", required=True, help="your email address")
        parser.add_argument("--reason", required=True, help="what happened to the outbox")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        try:
            name = incarnation_of(options["incarnation"])
            quarantine_by_hand(PgSettlementStore(), name, options["by"], options["reason"])
        except QuarantineError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Incarnation {options['incarnation']} is in quarantine.")
