"""Money as integers: CPM prices in micros, costs in micros of a currency. No float touches money.

Two integer units are used throughout the platform, and their names say which one is meant:

- ``*_cpm_micros``: a price per thousand impressions, in 1e-6 of a currency unit. OpenRTB's ``price`` of
  ``1.25`` is ``1_250_000``.
- ``*_micros``: an amount of money, in 1e-6 of a currency unit. One impression at a CPM of 1.25 costs 1,250.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact, InvalidOperation

MICROS = 1_000_000
IMPRESSIONS_PER_MILLE = 1_000
MICRO_PLACES = 6
DIGITS_MAX = 100
"""A number of more digits is an attack; those within are never rounded on the way."""
EXACT = Context(prec=DIGITS_MAX, traps=[InvalidOperation, Inexact])
# Above this CPM (one million currency units) a price is a mistake or an attack, never an offer.
MAX_CPM_MICROS = 1_000_000 * MICROS


class MoneyError(ValueError):
    """A price or rate that is not a finite, non-negative number in range."""


def _to_cpm_micros(price: Decimal, rounding: str) -> int:
    try:
        if not price.is_finite() or price < 0:
            raise MoneyError(f"price {price} is not a non-negative number")
        # Compare before scaling: 1E308 must not become a 315-digit integer first.
        if price > MAX_CPM_MICROS // MICROS:
            raise MoneyError(f"price {price} is above {MAX_CPM_MICROS // MICROS} CPM")
        # Rounded once, from all its digits: the default context would round to 28 of them first.
        return int(price.scaleb(MICRO_PLACES, EXACT).to_integral_value(rounding=rounding))
    except (InvalidOperation, Inexact) as error:
        raise MoneyError("price is not a usable number, or has too many digits") from error


def bid_cpm_micros(price: Decimal) -> int:
    """A bid's CPM in micros; digits past the sixth decimal are cut toward the buyer (down).

    Raises MoneyError for NaN, infinities, negative prices and prices above MAX_CPM_MICROS.
    """
    return _to_cpm_micros(price, ROUND_FLOOR)


def floor_cpm_micros(price: Decimal) -> int:
    """A floor's CPM in micros; digits past the sixth decimal round up, so that a bid at it satisfies it.

    Raises MoneyError as `bid_cpm_micros`.
    """
    return _to_cpm_micros(price, ROUND_CEILING)


def format_micros(micros: int) -> str:
    """Micros as a plain decimal string in currency units, without trailing zeros: 1_250_000 -> "1.25"."""
    sign = "-" if micros < 0 else ""
    units, fraction = divmod(abs(micros), MICROS)
    if not fraction:
        return f"{sign}{units}"
    return f"{sign}{units}.{fraction:06d}".rstrip("0")


def parse_micros(text: str) -> int:
    """Currency units as typed by a person ("12.50") to micros. Raises MoneyError when more than 6 decimals."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation as error:
        raise MoneyError(f"{text!r} is not an amount of money") from error
    if not value.is_finite():
        raise MoneyError(f"{text!r} is not an amount of money")
    scaled = value * MICROS
    if scaled != scaled.to_integral_value():
        raise MoneyError(f"{text!r} has more than 6 decimals")
    return int(scaled)


def cost_micros(
    price_cpm_micros: int, multiplier: Decimal | None = None, fx_rate: Decimal | None = None
) -> int:
    """What one imp at a CPM costs, in micros of the payer's currency, rounded up once.

    `multiplier` is OpenRTB's ``imp.qty.multiplier`` (None = 1). `fx_rate` is payer currency per price currency
    (None = the same currency). ``ceil(price * 1000 * multiplier * fx)`` in exact integer arithmetic, so that
    debit, ledger and any observer compute the same number.
    """
    numerator, denominator = price_cpm_micros, IMPRESSIONS_PER_MILLE
    for factor in (multiplier, fx_rate):
        if factor is not None:
            over, under = factor.as_integer_ratio()
            numerator *= over
            denominator *= under
    return -(-numerator // denominator)


def convert_cpm_micros(price_cpm_micros: int, fx_rate: Decimal) -> int:
    """A CPM in another currency, for comparing bids; rounded down (toward the buyer)."""
    over, under = fx_rate.as_integer_ratio()
    return price_cpm_micros * over // under
