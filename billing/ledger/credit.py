"""Lets an advertiser spend more than it has paid in: up to its credit line, and no further.

A credit line is a limit, not money: nothing is posted. Grants see it because the balance's limit is what was paid in
and the credit line together.
"""

from __future__ import annotations

from typing import Final

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from msgspec import Struct

from billing.escrow.models import BudgetScope, SignOff
from campaigns import policy
from campaigns.models import Advertiser
from campaigns.policy import Action, Actor
from rtbplatform.kernel.money import MICROS

CREDIT_MICROS_MAX: Final = 10**12 * MICROS
"""As much as an amount may be anywhere: with the deposits it stays far below what a bigint holds."""
REASON_MAX: Final = 200


class CreditLine(Struct, frozen=True):
    """An advertiser's credit line, before and after a change. Micros of the advertiser's currency."""

    advertiser: int
    before_micros: int
    after_micros: int
    limit_micros: int
    """Now: what was paid in, and the credit line."""
    committed_micros: int

    @property
    def over_micros(self) -> int:
        """What is committed beyond the limit: no grants, and unspent money is called back, while it is above 0."""
        return max(0, self.committed_micros - self.limit_micros)


@transaction.atomic
def set_credit_line(
    *,
    actor: Actor,
    advertiser_id: int,
    amount_micros: int,
    reason: str,
    expected_micros: int | None = None,
) -> CreditLine:
    """Sets the line to `amount_micros` and records who did it and why; an amount that is there already changes nothing.

    Below what is committed, the advertiser's campaigns get no new lease and the open ones are recalled until enough
    has come back; what is spent stays owed. `expected_micros`: the line that the person saw.
    Raises PermissionDenied, Advertiser.DoesNotExist, ValidationError (amount, reason, or changed meanwhile).
    """
    policy.require(actor, Action.CREDIT_EDIT)
    _check(amount_micros, reason)
    Advertiser.objects.get(pk=advertiser_id)
    scope = _locked(advertiser_id)
    before, deposits = scope.credit_micros, (scope.limit_micros or 0) - scope.credit_micros
    if expected_micros is not None and expected_micros != before:
        raise ValidationError(
            "Somebody else has changed this credit line meanwhile: look at it again, then decide."
        )
    line = CreditLine(
        advertiser_id, before, amount_micros, deposits + amount_micros, scope.committed_micros
    )
    if amount_micros != before:
        _save(line)
        _record(line, actor, reason)
    return line


def credit_changes(advertiser_id: int) -> QuerySet[SignOff]:
    """An advertiser's changes, newest first."""
    return SignOff.objects.filter(
        kind=SignOff.Kind.CREDIT, subject=_subject(advertiser_id)
    ).order_by("-pk")


def _check(amount_micros: int, reason: str) -> None:
    if not 0 <= amount_micros <= CREDIT_MICROS_MAX:
        raise ValidationError({"amount_micros": "A credit line is zero or more."})
    if not reason.strip():
        raise ValidationError({"reason": "Say why: whoever audits this will ask."})
    if len(reason.strip()) > REASON_MAX:
        raise ValidationError({"reason": f"Use at most {REASON_MAX} characters."})


def _locked(advertiser_id: int) -> BudgetScope:
    """The balance's row, made if it is missing. Deposits and grants wait for the lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO escrow_scope (advertiser_id, kind, campaign_id, limit_micros, committed_micros, version)
            VALUES (%s, 'balance', 0, 0, 0, 0) ON CONFLICT DO NOTHING
            """,
            [advertiser_id],
        )
    return BudgetScope.objects.select_for_update().get(
        advertiser_id=advertiser_id, kind=BudgetScope.Kind.BALANCE, campaign_id=0
    )


def _save(line: CreditLine) -> None:
    BudgetScope.objects.filter(
        advertiser_id=line.advertiser, kind=BudgetScope.Kind.BALANCE, campaign_id=0
    ).update(limit_micros=line.limit_micros, credit_micros=line.after_micros)


def _record(line: CreditLine, actor: Actor, reason: str) -> None:
    SignOff.objects.create(
        kind=SignOff.Kind.CREDIT,
        subject=_subject(line.advertiser),
        requested_by=str(actor),
        reason=reason.strip(),
        details={
            "before_micros": line.before_micros,
            "after_micros": line.after_micros,
            "committed_micros": line.committed_micros,
        },
    )


def _subject(advertiser_id: int) -> str:
    return f"advertiser {advertiser_id}"
