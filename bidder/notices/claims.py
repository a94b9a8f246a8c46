"""Notices: what a notice about a held debit says of the money.

In: the verified token, the kind and the price as it stands in the URL. Out: a `Claim`, or None when no money moves.
On failure: a price that is no price bills the whole hold: the impression was billed, only its price was not told.
Time: a few microseconds.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from rtbplatform.kernel.money import MAX_CPM_MICROS, MICROS
from rtbplatform.kernel.notice import NoticeToken
from rtbplatform.kernel.stream import Claim

CLAIMING = ("billing", "loss")
PRICE_PLACES_MAX = 30
BILL_MAX_MICROS = 2**62
"""Settlement captures the hold at most; a bill only has to fit its column."""


def claim_of(kind: str, token: NoticeToken, price: str) -> Claim | None:
    """None for a win notice, and for a debit that was the sale itself."""
    if token.hold_ms <= 0 or kind not in CLAIMING:
        return None
    return Claim(
        kind,
        token.imp,
        token.advertiser,
        token.campaign,
        token.day,
        token.lease,
        token.amount_micros,
        bill_micros(token, price),
    )


def bill_micros(token: NoticeToken, price: str) -> int:
    """The price (CPM, as AUCTION_PRICE says it) as a debit would be computed from it: exact, rounded up once.

    The whole hold when the macro was not replaced or is no usable price; a higher price stays higher."""
    told = _price(price)
    if told is None or not token.micros_per_price:
        return token.amount_micros
    return min(math.ceil(Fraction(told) * Fraction(token.micros_per_price)), BILL_MAX_MICROS)


def _price(text: str) -> Decimal | None:
    """A CPM from 0 to the highest that is no mistake, of bounded length; None for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or not 0 <= value <= MAX_CPM_MICROS // MICROS:
        return None
    exponent = value.as_tuple().exponent
    # 1E-999999 is a price near 0, and a fraction of a million digits.
    return value if isinstance(exponent, int) and exponent >= -PRICE_PLACES_MAX else None
