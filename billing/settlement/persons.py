"""Decisions about quarantined money that persons take: each is checked, done and signed in one transaction."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from django.db import transaction

from billing.escrow.alarms import clear_alarms_about
from billing.escrow.models import SignOff
from billing.escrow.quarantine import QuarantineError, keys_of, lock_quarantined, quarantine
from billing.escrow.store import SettlementStore, SpendKey
from billing.escrow.write_off import WrittenOff, write_off
from campaigns.models import Exchange, StaffRole, User
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.ids import uuid_bytes, uuid_text
from rtbplatform.kernel.money import MICROS, format_micros, parse_micros

MAY_SIGN: Final = frozenset({StaffRole.OPERATOR, StaffRole.FINANCE, StaffRole.ADMIN})
AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]{1,6})?")
AMOUNT_MAX_UNITS: Final = 10**12
ALARMS: Final = ("outbox_lost", "outbox_copy", "outbox_elsewhere", "stream_stopped")
"""About an incarnation; over when its money is decided on."""


def signer(email: str) -> str:
    """The address of a person of the platform's team who may decide on money. Raises QuarantineError."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None or not user.is_active:
        raise QuarantineError(f"Nobody with the address {email} is active here.")
    if not (user.is_superuser or user.staff_roles & MAY_SIGN):
        roles = ", ".join(sorted(MAY_SIGN))
        raise QuarantineError(
            f"{user.email} may not decide this: it takes one of the roles {roles}."
        )
    return user.email


def incarnation_of(text: str) -> bytes:
    """Raises QuarantineError for what is not an incarnation's id."""
    try:
        return uuid_bytes(text)
    except ValueError as error:
        raise QuarantineError(
            f"{text!r} is not an incarnation: it is written like a UUID."
        ) from error


def given(reason: str, what: str) -> str:
    if not reason.strip():
        raise QuarantineError(f"{what} is missing: say it, so that others understand it later.")
    return reason.strip()


def clear_alarms_of(incarnation: bytes) -> None:
    """Its money is decided on: nobody needs to look any more."""
    clear_alarms_about(uuid_text(incarnation), ALARMS)


@transaction.atomic
def quarantine_by_hand(store: SettlementStore, incarnation: bytes, by: str, reason: str) -> None:
    """For a stream whose outbox is lost, or that was stopped. Raises QuarantineError."""
    person, why = signer(by), given(reason, "The reason")
    if not quarantine(store, incarnation, reason=why):
        known = store.lock_incarnations([incarnation], exclusive=False).get(incarnation)
        name = uuid_text(incarnation)
        raise QuarantineError(
            f"Incarnation {name} is {known.state} already: nothing was done."
            if known
            else f"No incarnation {name} is known."
        )
    SignOff.objects.create(
        kind=SignOff.Kind.QUARANTINE,
        subject=uuid_text(incarnation),
        requested_by=person,
        reason=why,
    )


@transaction.atomic
def write_off_signed(
    store: SettlementStore,
    incarnation: bytes,
    *,
    by: str,
    sign_off: str,
    statement: str,
    delivered: Mapping[SpendKey, int],
    dry_run: bool = False,
    beyond_quarantine: bool = False,
) -> list[WrittenOff]:
    """With four eyes; `beyond_quarantine` accepts a loss of the platform. Raises QuarantineError."""
    first, second = signer(by), signer(sign_off)
    if first == second:
        raise QuarantineError("It takes two: the one who signs off must be somebody else.")
    reference = given(statement, "The statement's reference")
    outcomes = write_off(store, incarnation, delivered, dry_run=dry_run)
    if not beyond_quarantine:
        _check_within(outcomes)
    if not dry_run:
        clear_alarms_of(incarnation)
        SignOff.objects.create(
            kind=SignOff.Kind.WRITE_OFF,
            subject=uuid_text(incarnation),
            requested_by=first,
            signed_by=second,
            reason=reference,
            details={
                "delivered": [[*place, amount] for place, amount in sorted(delivered.items())],
                "outcome": [
                    {
                        **dict(zip(("advertiser", "campaign", "day"), one.key, strict=True)),
                        "charged": one.charged,
                        "written_off": one.written_off,
                        "loss": one.loss,
                    }
                    for one in outcomes
                ],
            },
        )
    return outcomes


def _check_within(outcomes: Collection[WrittenOff]) -> None:
    for one in outcomes:
        if one.loss:
            told, there = (
                format_micros(part) for part in (one.charged + one.loss, one.quarantined)
            )
            raise QuarantineError(
                f"{told} {one.currency} of campaign {one.key[1]} is more than is in quarantine ({there}): the rest is "
                "the platform's loss; say --beyond-quarantine if the statement is right."
            )


def delivered_of(
    store: SettlementStore, incarnation: bytes, texts: list[str], calendar: BudgetCalendar
) -> dict[SpendKey, int]:
    """What a statement says, from CAMPAIGN/DAY/EXCHANGE=AMOUNT. Raises QuarantineError."""
    with store.transaction():
        lock_quarantined(store, incarnation)
        keys = {(str(key[1]), calendar.label(key[2])): key for key in keys_of(store, incarnation)}
    exchanges = dict(Exchange.objects.values_list("slug", "pk"))
    delivered: dict[SpendKey, int] = {}
    for text in texts:
        place, _, amount = text.partition("=")
        parts = place.split("/")
        if len(parts) != 3 or not parts[0].isdecimal() or not amount:
            raise QuarantineError(f"{text!r} is not written like CAMPAIGN/DAY/EXCHANGE=AMOUNT.")
        key = keys.get((parts[0], parts[1]))
        if key is None:
            raise QuarantineError(
                f"Nothing of campaign {parts[0]} on {parts[1]} is in quarantine with this incarnation."
            )
        if parts[2] not in exchanges:
            raise QuarantineError(f"No exchange is called {parts[2]!r}.")
        spend_key = (*key, exchanges[parts[2]])
        if spend_key in delivered:
            raise QuarantineError(f"{place} is told twice.")
        delivered[spend_key] = _micros(amount)
    return delivered


def _micros(amount: str) -> int:
    if not AMOUNT.fullmatch(amount):
        raise QuarantineError(
            f"{amount!r} is not an amount: it is written like 81.20, with at most 6 decimals."
        )
    # Its length first: the text may be of any.
    digits = len(amount.partition(".")[0].lstrip("0"))
    if digits > len(str(AMOUNT_MAX_UNITS)) or parse_micros(amount) > AMOUNT_MAX_UNITS * MICROS:
        raise QuarantineError(f"An amount is at most {AMOUNT_MAX_UNITS} units of the currency.")
    return parse_micros(amount)
