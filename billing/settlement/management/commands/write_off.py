"""`manage.py write_off`: decides a quarantine by the exchanges' statements, with four eyes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.escrow.quarantine import QuarantineError
from billing.escrow.write_off import WrittenOff
from billing.settlement.persons import delivered_of, incarnation_of, write_off_signed
from billing.settlement.postgres import PgSettlementStore
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.money import format_micros


class Command(BaseCommand):
    help = "Charge what statements say was delivered of a quarantined incarnation; the rest is free again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("incarnation", help="its id, as the health page shows it")
        parser.add_argument("--statement", required=True, help="the statements' reference")
        parser.add_argument("--by", required=True, help="your email address")
        parser.add_argument("--sign-off", required=True, help="the other person's email address")
        parser.add_argument(
            "--delivered",
            nargs="*",
            action="extend",
            default=[],
            metavar="CAMPAIGN/DAY/EXCHANGE=AMOUNT",
            help="what was delivered, in units of the currency; what is not named was not",
        )
        parser.add_argument(
            "--beyond-quarantine",
            action="store_true",
            help="more was delivered than is in quarantine: the platform pays the rest",
        )
        parser.add_argument("--dry-run", action="store_true", help="only show what would move")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        calendar, store = BudgetCalendar(settings.PLATFORM.budget_day_seconds), PgSettlementStore()
        try:
            name = incarnation_of(options["incarnation"])
            outcomes = write_off_signed(
                store,
                name,
                by=options["by"],
                sign_off=options["sign_off"],
                statement=options["statement"],
                delivered=delivered_of(store, name, options["delivered"], calendar),
                dry_run=options["dry_run"],
                beyond_quarantine=options["beyond_quarantine"],
            )
        except QuarantineError as error:
            raise CommandError(str(error)) from error
        for outcome in outcomes:
            self.stdout.write(_line(outcome, calendar))
        if not outcomes:
            self.stdout.write("It had nothing in quarantine.")
        end = "Nothing was changed: --dry-run." if options["dry_run"] else "Written off, signed."
        self.stdout.write(end)


def _line(one: WrittenOff, calendar: BudgetCalendar) -> str:
    amounts = f"{_amount(one.charged, one)} charged, {_amount(one.written_off, one)} free again"
    loss = f", {_amount(one.loss, one)} beyond it: platform loss" if one.loss else ""
    quarantined = _amount(one.quarantined, one)
    day = calendar.label(one.key[2])
    return f"campaign {one.key[1]}, day {day}: {quarantined} in quarantine; {amounts}{loss}"


def _amount(micros: int, one: WrittenOff) -> str:
    return f"{format_micros(micros)} {one.currency}"
