"""Takes advertisers' payments in advance."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone

from billing.ledger.accounts import cash, prepaid
from billing.ledger.models import AdvertiserSequence, Transaction
from billing.ledger.post import Draft, post


class DepositError(ValueError):
    """A deposit that cannot be posted; the message says why."""


@transaction.atomic
def deposit(advertiser_id: int, amount_micros: int, currency: str, reference: str) -> int:
    """Posts a payment and raises what the advertiser's campaigns may commit; returns the transaction's number.

    `reference` is the payment's own: given again, the deposit is not posted twice. Raises DepositError for an amount
    that is not positive, an empty reference, or one that was used for another amount.
    """
    if amount_micros <= 0:
        raise DepositError(f"A deposit must be positive, not {amount_micros} micros.")
    if not reference:
        raise DepositError("A deposit needs the payment's reference.")
    # The advertiser's sequence row first: two posts of one reference wait for each other.
    AdvertiserSequence.objects.get_or_create(advertiser_id=advertiser_id, defaults={"last_no": 0})
    AdvertiserSequence.objects.select_for_update().get(advertiser_id=advertiser_id)
    known = Transaction.objects.filter(advertiser_id=advertiser_id, reference=reference).first()
    if known is not None:
        if (known.amount_micros, known.currency) != (amount_micros, currency):
            raise DepositError(f"Reference {reference!r} was used for another deposit.")
        return known.no
    lines = ((cash(currency), amount_micros), (prepaid(currency, advertiser_id), -amount_micros))
    draft = Draft(
        advertiser_id=advertiser_id,
        kind=Transaction.Kind.DEPOSIT,
        currency=currency,
        amount_micros=amount_micros,
        lines=lines,
        reference=reference,
    )
    (number,) = post([draft], timezone.now())
    _raise_limit(advertiser_id, amount_micros)
    return number


def _raise_limit(advertiser_id: int, amount_micros: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO escrow_scope AS s
                (advertiser_id, kind, campaign_id, limit_micros, committed_micros, version)
            VALUES (%s, 'balance', 0, %s, 0, 0)
            ON CONFLICT (advertiser_id, kind, campaign_id)
                DO UPDATE SET limit_micros = s.limit_micros + excluded.limit_micros
            """,
            [advertiser_id, amount_micros],
        )
