"""`manage.py confirm_census`: a person says that a region without its journal has lost nothing, or that all are running."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_scopes import scopes_disabled

from billing.escrow.confirm import ConfirmError, confirm_census, person
from billing.escrow.postgres import PgEscrowStore


class Command(BaseCommand):
    help = "After a start of Postgres: confirm a region whose journal is lost. Grants wait for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("region")
        parser.add_argument("--by", required=True, metavar="EMAIL")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        with scopes_disabled():
            self._confirm(options)

    def _confirm(self, options: dict[str, Any]) -> None:
        try:
            number = confirm_census(
                PgEscrowStore(),
                actor=person(options["by"]),
                region=options["region"],
                reason=options["reason"],
            )
        except (ConfirmError, PermissionDenied) as error:
            raise CommandError(str(error) or "This person may not confirm it.") from error
        self.stdout.write(f"Census {number}: {options['region']} is confirmed.")
