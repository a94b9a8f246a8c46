"""Money and numbers as people read and type them. Micros inside, currency units outside."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from rtbplatform.kernel.money import MICROS, MoneyError, format_micros, parse_micros

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
AMOUNT_MICROS_MAX = 10**12 * MICROS
CENT_MICROS = MICROS // 100
PLAIN_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


def with_currency(number: str, currency: str) -> str:
    """ "-1.5" and "USD" -> "-$1.5"; currencies without a symbol of their own follow the number."""
    sign, digits = ("\N{MINUS SIGN}", number[1:]) if number.startswith("-") else ("", number)
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency}".strip()


def grouped(number: str) -> str:
    """ "1234567.89" -> "1,234,567.89"."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    units, _, fraction = digits.partition(".")
    return f"{sign}{int(units):,}{'.' + fraction if fraction else ''}"


def rounded(micros: int, currency: str = "") -> str:
    """To the cent, half away from zero: for reading, never for sums."""
    cents = (abs(micros) + CENT_MICROS // 2) // CENT_MICROS
    sign = "-" if micros < 0 and cents else ""
    return with_currency(f"{sign}{cents // 100:,}.{cents % 100:02d}", currency)


def exact(micros: int, currency: str = "") -> str:
    """Every digit there is, at least cents: what finance compares."""
    text = format_micros(micros)
    units, _, fraction = text.partition(".")
    return with_currency(grouped(f"{units}.{fraction.ljust(2, '0')}"), currency)


def full(micros: int, currency: str = "") -> str:
    """All six decimals: for columns that are compared digit by digit."""
    units, fraction = divmod(abs(micros), MICROS)
    return with_currency(f"{'-' if micros < 0 else ''}{units:,}.{fraction:06d}", currency)


class AmountField(forms.CharField):
    """An amount in currency units, typed as a decimal; cleans to micros. More than 6 decimals are refused."""

    def __init__(self, *, zero_allowed: bool = True, **options: Any) -> None:
        options.setdefault("max_length", 24)
        super().__init__(**options)
        self.zero_allowed = zero_allowed
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off", "class": "num"})

    def prepare_value(self, value: Any) -> Any:
        return format_micros(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:  # type: ignore[override]
        text = super().clean(value)
        if not text:
            return None
        if not PLAIN_DECIMAL.fullmatch(text):
            # "1,250" is a thousand in one country and one in another: money is never guessed.
            raise forms.ValidationError(
                "Enter digits with a point for decimals, for example 1250.50."
            )
        try:
            micros = parse_micros(text)
        except MoneyError as error:
            raise forms.ValidationError("Use at most 6 decimals.") from error
        if micros == 0 and not self.zero_allowed:
            raise forms.ValidationError("Enter an amount above zero.")
        if micros > AMOUNT_MICROS_MAX:
            raise forms.ValidationError(
                f"Enter at most {grouped(format_micros(AMOUNT_MICROS_MAX))}."
            )
        return micros

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != initial
        except forms.ValidationError:
            return True
