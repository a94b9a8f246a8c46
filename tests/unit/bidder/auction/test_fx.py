"""Rates: given, the other way round, over a pivot, unusable."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bidder.auction.fx import FxTable
from rtbplatform.kernel.snapshot import FxRate

TABLE = FxTable(
    [
        FxRate("EUR", "USD", "1.10", "2026-11-23"),
        FxRate("GBP", "USD", "1.25", "2026-11-22"),
        FxRate("USD", "JPY", "150", "2026-11-23"),
    ]
)


def test_a_given_rate_is_exact() -> None:
    assert TABLE.rate("EUR", "USD") == Decimal("1.10")


def test_a_rate_the_other_way_round() -> None:
    assert TABLE.rate("USD", "GBP") == Decimal("0.8")


def test_a_rate_over_the_dollar() -> None:
    assert TABLE.rate("EUR", "JPY") == Decimal(165)


def test_a_rate_that_nobody_knows() -> None:
    assert TABLE.rate("EUR", "XXX") is None


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity", "one", "1e30", "1e-30"])
def test_a_rate_that_is_no_positive_number_is_left_out(rate: str) -> None:
    assert FxTable([FxRate("EUR", "USD", rate, "2026-11-23")]).rate("EUR", "USD") is None


def test_a_price_converts_down() -> None:
    assert TABLE.cpm(1, "EUR", "USD") == 1


def test_a_floor_converts_up() -> None:
    assert TABLE.floor(1, "EUR", "USD") == 2


def test_the_same_currency_needs_no_rate() -> None:
    assert TABLE.cpm(5, "XXX", "XXX") == 5


def test_the_table_is_as_old_as_its_oldest_rate() -> None:
    assert TABLE.as_of == "2026-11-22"
