"""Prices and multipliers from raw JSON to integers and Decimals, without a float in between."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache

from rtbplatform.kernel.money import MoneyError, bid_cpm_micros, floor_cpm_micros

MULTIPLIER_MAX = 1_000_000
MULTIPLIER_PLACES_MAX = 18
"""Of digits after the point; costs are exact fractions, and a million digits would be computed with as well."""


def decimal_of(raw: bytes) -> Decimal:
    """A JSON number's exact value. Raises MoneyError for anything else, a quoted number included."""
    if raw[:1] not in b"-0123456789" or not raw:
        raise MoneyError(f"{raw[:20]!r} is not a number")
    try:
        return Decimal(raw.decode())
    except (InvalidOperation, UnicodeDecodeError) as error:
        raise MoneyError(f"{raw[:20]!r} is not a usable number") from error


@lru_cache(maxsize=8192)
def floor_of(raw: bytes) -> int:
    """CPM micros of a bidfloor; null = 0. Floors repeat, hence the cache. Raises MoneyError."""
    return 0 if raw == b"null" else floor_cpm_micros(decimal_of(raw))


def price_of(raw: bytes) -> int:
    """CPM micros of a bid's price. Raises MoneyError."""
    return bid_cpm_micros(decimal_of(raw))


def multiplier_of(raw: bytes) -> Decimal | None:
    """``qty.multiplier``: above 0, at most MULTIPLIER_MAX, with at most MULTIPLIER_PLACES_MAX decimals; null = None = 1.

    Exact, never rounded: the exchange bills by the number that it sent. What cannot be used is refused and not taken
    as absent, which would mean 1 and be another price. Raises MoneyError.
    """
    if raw == b"null":
        return None
    value = decimal_of(raw)
    if not 0 < value <= MULTIPLIER_MAX:
        raise MoneyError(f"multiplier {raw[:20]!r} is out of range")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MULTIPLIER_PLACES_MAX:
        raise MoneyError(f"multiplier {raw[:20]!r} has too many decimals")
    return value
