"""What DSPs answer, usable and not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bidder.openrtb.answer import BIDS_MAX, BadAnswerError, parse_answer
from rtbplatform.kernel.codes import Loss

BID = {"id": "b", "impid": "1", "price": 1.25}


def body(*bids: Any, **envelope: Any) -> bytes:
    return json.dumps(
        {"id": "r", "seatbid": [{"seat": "s", "bid": list(bids)}], **envelope}
    ).encode()


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", "empty"),
        (b"<html>", "not_json"),
        (b'{"id":"r"', "not_json"),
        (b"[]", "wrong_type"),
        (b'{"id":5}', "wrong_type"),
        (b'{"id":"r","seatbid":{}}', "wrong_type"),
        (b'{"id":"r","seatbid":[{"bid":{}}]}', "wrong_type"),
        (b"{}", "id_missing"),
        (b'{"id":"r","seatbid":[{"bid":[{"id":"b","impid":"1","price":NaN}]}]}', "not_json"),
        (b'{"id":"r","seatbid":[{"bid":[{"id":"b","impid":"1","price":Infinity}]}]}', "not_json"),
        (b'{"id":"r","z":' + b"[" * 100_000, "not_json"),
        (b'{"id":"\xff"}', "not_json"),
    ],
)
def test_an_answer_of_which_nothing_can_be_used(raw: bytes, cause: str) -> None:
    with pytest.raises(BadAnswerError) as refused:
        parse_answer(raw)
    assert refused.value.cause == cause


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        ({"id": ""}, Loss.INVALID_BID),
        ({"impid": ""}, Loss.INVALID_BID),
        ({"price": None}, Loss.PRICE),
        ({"price": -1}, Loss.INVALID_BID),
        ({"price": "1.25"}, Loss.INVALID_BID),
        ({"price": 1e308}, Loss.INVALID_BID),
        ({"price": 1_000_001}, Loss.INVALID_BID),
        ({"price": True}, Loss.INVALID_BID),
        ({"id": 5}, Loss.INVALID_BID),
        ({"adomain": "a.com"}, Loss.INVALID_BID),
        ({"w": "300"}, Loss.INVALID_BID),
    ],
)
def test_an_unusable_bid_is_dropped_alone(change: dict[str, Any], loss: int) -> None:
    answer = parse_answer(body(BID | change, BID))
    assert ([bid.id for bid in answer.bids], [bid.loss for bid in answer.dropped]) == (
        ["b"],
        [loss],
    )


def test_a_price_is_read_exactly() -> None:
    assert parse_answer(body(BID | {"price": 2.13})).bids[0].price_cpm_micros == 2_130_000


def test_a_price_is_cut_toward_the_buyer() -> None:
    assert parse_answer(body(BID | {"price": 0.1234567})).bids[0].price_cpm_micros == 123_456


def test_an_answer_without_bids_is_a_no_bid() -> None:
    assert parse_answer(b'{"id":"r","nbr":2}').bids == []


def test_the_reason_of_a_no_bid_is_kept() -> None:
    assert parse_answer(b'{"id":"r","nbr":2}').nbr == 2


def test_the_currency_is_dollars_unless_said() -> None:
    assert parse_answer(body(BID)).cur == "USD"


def test_a_bid_knows_its_seat() -> None:
    assert parse_answer(body(BID)).bids[0].seat == "s"


def test_a_bid_knows_its_group() -> None:
    raw = json.dumps({"id": "r", "seatbid": [{"bid": [BID]}, {"group": 1, "bid": [BID, BID]}]})
    assert [bid.group for bid in parse_answer(raw.encode()).bids] == [0, 2, 2]


def test_a_bid_cannot_set_what_is_derived() -> None:
    raw = body(BID | {"@seat": "forged", "@price_cpm_micros": 1})
    assert parse_answer(raw).bids[0].price_cpm_micros == 1_250_000


def test_bids_beyond_the_bound_are_dropped_and_recorded() -> None:
    answer = parse_answer(body(*[BID] * (BIDS_MAX + 3)))
    assert (len(answer.bids), len(answer.dropped)) == (BIDS_MAX, 3)


def test_unknown_members_do_not_matter() -> None:
    assert parse_answer(body(BID | {"ext": {"x": 1}}, ext=[])).bids
