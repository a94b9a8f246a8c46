"""Prices in answers cost what the platform's contract says."""

from bench.answers import prices_of, spent_by_campaign
from bench.figures import Answer

BODY = (
    b'{"id":"r","cur":"USD","seatbid":[{"seat":"s","bid":['
    b'{"id":"1","impid":"1","price":2.1345001,"cid":"7"},{"id":"2","impid":"2","price":1,"cid":"8"}]}]}'
)


def answer(status: int, body: bytes = BODY) -> Answer:
    return Answer("r", "app", status, 10.0, 1, body)


def test_a_price_is_cut_to_micros_and_its_cost_rounded_up() -> None:
    assert [price.cost_micros for price in prices_of(answer(200))] == [2135, 1000]


def test_only_answers_with_a_bid_count() -> None:
    assert prices_of(answer(204, b"")) == []


def test_spending_is_added_up_per_campaign() -> None:
    assert spent_by_campaign([answer(200), answer(200)]) == {"7": 4270, "8": 2000}
