"""Money as people read and type it."""

from __future__ import annotations

import pytest
from django import forms

from rtbplatform.console.amounts import AmountField, exact, full, rounded


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1_250_000, "$1.25"),
        (1_234_567_890_000, "$1,234,567.89"),
        (4_999, "$0.00"),
        (5_000, "$0.01"),
        (-1_005_000, "\N{MINUS SIGN}$1.01"),
        (-1, "$0.00"),
    ],
)
def test_rounded_to_the_cent(micros: int, text: str) -> None:
    assert rounded(micros, "USD") == text


@pytest.mark.parametrize(
    ("micros", "text"), [(1, "$0.000001"), (1_500_000, "$1.50"), (1_234_000_001, "$1,234.000001")]
)
def test_exact_shows_every_digit(micros: int, text: str) -> None:
    assert exact(micros, "USD") == text


def test_full_has_six_decimals() -> None:
    assert full(-1_500_000, "USD") == "\N{MINUS SIGN}$1.500000"


def test_a_currency_without_a_symbol_follows_the_number() -> None:
    assert rounded(1_000_000, "JPY") == "1.00 JPY"


@pytest.mark.parametrize(("typed", "micros"), [("12.5", 12_500_000), (" 7 ", 7_000_000), ("0", 0)])
def test_typed_amounts_become_micros(typed: str, micros: int) -> None:
    assert AmountField().clean(typed) == micros


@pytest.mark.parametrize("typed", ["1,5", "1e3", "-1", "NaN", "Infinity", "1_000", "٣", "1.", ".5"])
def test_what_is_no_plain_decimal_is_refused(typed: str) -> None:
    with pytest.raises(forms.ValidationError):
        AmountField().clean(typed)


def test_zero_is_refused_where_it_makes_no_sense() -> None:
    with pytest.raises(forms.ValidationError):
        AmountField(zero_allowed=False).clean("0.00")


def test_an_absurd_amount_is_refused() -> None:
    with pytest.raises(forms.ValidationError):
        AmountField().clean("9" * 20)
