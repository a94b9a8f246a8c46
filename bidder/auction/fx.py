"""Exchange rates of a snapshot, exact: rates are Decimals, the day's table is dated."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation

from rtbplatform.kernel.money import MICROS, convert_cpm_micros
from rtbplatform.kernel.snapshot import FxRate

PIVOTS = ("USD", "EUR")
_CONTEXT = Context(prec=18)


class FxTable:
    """Rates between currencies: as given, the other way round, or over one pivot."""

    __slots__ = ("_given", "_known", "as_of")

    def __init__(self, rates: Iterable[FxRate]) -> None:
        """A rate that is no positive number is left out: bids that would need it lose."""
        self._given: dict[tuple[str, str], Decimal] = {}
        self.as_of = ""
        """The oldest date in the table (ISO)."""
        for rate in rates:
            value = _positive(rate.rate)
            if value is not None:
                self._given[rate.base, rate.quote] = value
                self.as_of = min(self.as_of, rate.as_of) if self.as_of else rate.as_of
        self._known: dict[tuple[str, str], Decimal | None] = {}

    def rate(self, base: str, quote: str) -> Decimal | None:
        """How many units of `quote` one unit of `base` is; None = not known. Not asked for equal currencies."""
        pair = (base, quote)
        if pair in self._known:
            return self._known[pair]
        value = self._direct(base, quote)
        for pivot in PIVOTS:
            if value is None:
                first, second = self._direct(base, pivot), self._direct(pivot, quote)
                if first is not None and second is not None:
                    value = _CONTEXT.multiply(first, second)
        # Currencies come from requests: remember only pairs of which a rate is known.
        if value is not None:
            self._known[pair] = value
        return value

    def cpm(self, price_cpm_micros: int, base: str, quote: str) -> int | None:
        """A CPM in another currency, rounded down; None = no rate."""
        if base == quote:
            return price_cpm_micros
        rate = self.rate(base, quote)
        return None if rate is None else convert_cpm_micros(price_cpm_micros, rate)

    def floor(self, floor_cpm_micros: int, base: str, quote: str) -> int | None:
        """A floor in another currency, rounded up; None = no rate."""
        if base == quote or not floor_cpm_micros:
            return floor_cpm_micros
        rate = self.rate(base, quote)
        if rate is None:
            return None
        over, under = rate.as_integer_ratio()
        return -(-floor_cpm_micros * over // under)

    def _direct(self, base: str, quote: str) -> Decimal | None:
        if base == quote:
            return Decimal(1)
        given = self._given.get((base, quote))
        if given is not None:
            return given
        inverse = self._given.get((quote, base))
        return None if inverse is None else _CONTEXT.divide(Decimal(1), inverse)


def _positive(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    # Eighteen digits are exact for any real rate, and keep costs cheap to compute.
    usable = value.is_finite() and Decimal(1) / MICROS <= value <= MICROS
    return _CONTEXT.plus(value) if usable else None
