"""What a notice about a held debit says of the money: to the micro."""

import msgspec
import pytest

from bidder.notices.claims import claim_of
from rtbplatform.kernel.notice import NoticeToken
from rtbplatform.kernel.stream import Claim

HELD = NoticeToken(b"d" * 16, "r", 1, 2, 10, 7, 20_000, b"l" * 16, 1_500, 0, 300_000, "1000")


def bill(price: str, micros_per_price: str = "1000") -> int:
    token = msgspec.structs.replace(HELD, micros_per_price=micros_per_price)
    claim = claim_of("billing", token, price)
    assert claim is not None
    return claim.bill_micros


def test_a_claim_names_all_that_the_token_proves() -> None:
    assert claim_of("billing", HELD, "1.2") == Claim(
        "billing", 2, 10, 7, 20_000, b"l" * 16, 1_500, 1_200
    )


@pytest.mark.parametrize(
    ("price", "factor", "micros"),
    [
        ("1.5", "1000", 1_500),
        ("0", "1000", 0),
        ("0.0001", "1000", 1),
        ("1.5000001", "1000", 1_501),
        ("1.5", "1100.1", 1_651),
        ("0.333333333333333333", "3000.000000000000000001", 1_000),
        ("2e0", "1000", 2_000),
        ("9", "1000", 9_000),
    ],
)
def test_the_bill_is_exact_and_rounded_up_once(price: str, factor: str, micros: int) -> None:
    assert bill(price, factor) == micros


@pytest.mark.parametrize(
    "price",
    ["", "${AUCTION_PRICE}", "-1", "nan", "inf", "1e9", "1E-999999", "1,5", "AAAAZZ=="],
)
def test_an_unusable_price_bills_the_whole_hold(price: str) -> None:
    assert bill(price) == 1_500


def test_a_loss_claims_too_and_a_win_does_not() -> None:
    assert claim_of("loss", HELD, "") is not None
    assert claim_of("win", HELD, "1.2") is None


def test_a_debit_that_was_the_sale_is_claimed_by_nothing() -> None:
    sold = msgspec.structs.replace(HELD, hold_ms=0)
    assert [claim_of(kind, sold, "1") for kind in ("win", "billing", "loss")] == [None] * 3


def test_a_bill_always_fits_its_column() -> None:
    assert bill("1000000", "1" + "0" * 30) == 2**62
