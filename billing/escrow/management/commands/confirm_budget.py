"""`manage.py confirm_budget`: a person says that a frozen campaign's budget is the right one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_scopes import scopes_disabled

from billing.escrow.confirm import ConfirmError, confirm_budget, person
from campaigns.models import Campaign


class Command(BaseCommand):
    help = "After a restore: confirm the budget of a campaign that was frozen, so that it spends again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", type=int)
        parser.add_argument("--by", required=True, metavar="EMAIL")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        with scopes_disabled():
            self._confirm(options)

    def _confirm(self, options: dict[str, Any]) -> None:
        try:
            campaign = confirm_budget(
                actor=person(options["by"]),
                campaign_id=options["campaign"],
                reason=options["reason"],
            )
        except (ConfirmError, PermissionDenied, Campaign.DoesNotExist) as error:
            raise CommandError(str(error) or "This person may not confirm it.") from error
        self.stdout.write(
            f"Campaign {campaign.pk}: budget version {campaign.budget_version} is confirmed; it spends again."
        )
