"""Prices and costs: exact, rounded once, in the direction the protocol names."""

from decimal import Decimal

import pytest

from rtbplatform.kernel import money


def test_a_bid_with_more_than_six_decimals_is_cut_toward_the_buyer() -> None:
    assert money.bid_cpm_micros(Decimal("1.2345679")) == 1_234_567


def test_a_floor_with_more_than_six_decimals_rounds_up() -> None:
    assert money.floor_cpm_micros(Decimal("0.1234561")) == 123_457


def test_a_price_that_binary_floats_cannot_hold_keeps_its_value() -> None:
    assert money.bid_cpm_micros(Decimal("2.13")) == 2_130_000


@pytest.mark.parametrize(
    "price", ["NaN", "sNaN", "Infinity", "-Infinity", "-0.01", "1E308", "1000001", "1." + "9" * 200]
)
def test_what_is_no_price_is_refused(price: str) -> None:
    with pytest.raises(money.MoneyError):
        money.bid_cpm_micros(Decimal(price))


def test_a_bid_of_many_digits_is_not_rounded_before_it_is_cut() -> None:
    assert money.bid_cpm_micros(Decimal("55." + "9" * 31)) == 55_999_999


def test_a_floor_of_many_digits_still_rounds_up() -> None:
    assert money.floor_cpm_micros(Decimal("50." + "0" * 30 + "1")) == 50_000_001


def test_negative_zero_is_zero() -> None:
    assert money.bid_cpm_micros(Decimal("-0")) == 0


def test_one_impression_costs_a_thousandth_of_its_cpm() -> None:
    assert money.cost_micros(1_250_000) == 1_250


def test_a_cost_rounds_up_to_a_whole_micro() -> None:
    assert money.cost_micros(1_250_001) == 1_251


def test_multiplier_and_rate_are_applied_before_the_one_rounding() -> None:
    # 1.001 CPM * 3.5 views * 0.9 = 3.15315 per mille = 3153.15 micros
    assert money.cost_micros(1_001_000, Decimal("3.5"), Decimal("0.9")) == 3_154


def test_a_rate_with_many_digits_does_not_lose_any() -> None:
    rate = Decimal("1.00000000000000000000000000000000001")
    assert money.cost_micros(1_000_000, None, rate) == 1_001


def test_conversion_of_a_price_rounds_down() -> None:
    assert money.convert_cpm_micros(1_000_001, Decimal("0.5")) == 500_000


@pytest.mark.parametrize(
    ("micros", "text"),
    [(1_250_000, "1.25"), (0, "0"), (1, "0.000001"), (-2_500_000, "-2.5"), (10_000_000, "10")],
)
def test_micros_are_written_as_plain_decimals(micros: int, text: str) -> None:
    assert money.format_micros(micros) == text


@pytest.mark.parametrize("text", ["", "abc", "1.2345678", "NaN", "inf", "1,5"])
def test_an_amount_typed_wrong_is_refused(text: str) -> None:
    with pytest.raises(money.MoneyError):
        money.parse_micros(text)


def test_an_amount_typed_right_is_exact() -> None:
    assert money.parse_micros(" 12.50 ") == 12_500_000
