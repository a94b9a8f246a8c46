"""The bid response as an exchange reads it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bidder.notices.claims import bill_micros
from bidder.respond.answer import build_answer, expiry_s, no_bid_answer, signature
from bidder.respond.dsp_notices import loss_notices, win_notices
from rtbplatform.kernel.codes import NoBid
from rtbplatform.kernel.keys import sign_answer
from rtbplatform.kernel.money import format_micros
from rtbplatform.kernel.notice import NoticeToken, read_token
from rtbplatform.kernel.snapshot import ExchangeView
from rtbplatform.kernel.stream import DebitLine
from tests.fixtures.openrtb.build import EXCHANGE
from tests.fixtures.openrtb.scene import Played, play

DEBIT = bytes(range(16))
KEY = b"n" * 32
NOW_MS = 5_000_000


def answer(played: Played, *, lines: list[DebitLine] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(raw_answer(played, lines=lines), parse_float=str)
    return body


def raw_answer(played: Played, *, lines: list[DebitLine] | None = None) -> bytes:
    if lines is None:
        lines = [DebitLine(0, 1, 1, 20_000, b"l" * 16, 910)]
    return build_answer(
        played.request, played.result, DEBIT, lines, EXCHANGE, "https://b.example/", NOW_MS, KEY
    )


def one(case: dict[str, Any] | None = None, **bid: Any) -> Played:
    """One DSP's bid of 1.00 at a floor of 0.5."""
    return play({"bids": [{"id": "b", "price": "1.00", **bid}], **(case or {})})


def first_bid(played: Played) -> dict[str, Any]:
    found: dict[str, Any] = answer(played)["seatbid"][0]["bid"][0]
    return found


def test_the_requests_id_comes_back() -> None:
    assert answer(one())["id"] == "req-1"


def test_the_price_is_the_exact_decimal() -> None:
    played = play({"set": {"at": 1}, "bids": [{"id": "b", "price": "2.13"}]})
    assert b'"price":2.13,' in raw_answer(played)


@pytest.mark.parametrize(
    "price", ["1", "0.1", "0.000001", "123456.789012", "999999.999999", "10", "1.5"]
)
def test_every_price_comes_back_as_it_was_bid(price: str) -> None:
    played = play({"set": {"at": 1, "imp.0.bidfloor": 0}, "bids": [{"id": "b", "price": price}]})
    assert b'"price":' + price.encode() + b"," in raw_answer(played)


def test_a_winners_members_are_there() -> None:
    bid = first_bid(one(cat=["IAB1"], w=300, h=250, adomain=["a.com"], attr=[2]))
    assert {name: bid[name] for name in ("impid", "cid", "crid", "adomain", "cat", "attr")} == {
        "impid": "1",
        "cid": "1",
        "crid": "cr-b",
        "adomain": ["a.com"],
        "cat": ["IAB1"],
        "attr": [2],
    }


def test_the_markup_type_is_told_even_if_the_dsp_did_not() -> None:
    assert first_bid(one())["mtype"] == 1


def test_a_deal_is_named() -> None:
    deals = {"set": {"imp.0.pmp": {"deals": [{"id": "d"}]}}}
    assert first_bid(one(deals, dealid="d"))["dealid"] == "d"


def test_without_a_deal_there_is_no_dealid() -> None:
    assert "dealid" not in first_bid(one())


def test_the_seat_is_the_buyers() -> None:
    assert answer(one())["seatbid"][0]["seat"] == "seat1"


def test_two_buyers_have_a_seatbid_each() -> None:
    imps = {"set": {"imp.1": {"id": "2", "banner": {"w": 300, "h": 250}}}}
    bids = [{"id": "a", "price": "1"}, {"id": "b", "price": "1", "impid": "2"}]
    seats = [seatbid["seat"] for seatbid in answer(play({**imps, "bids": bids}))["seatbid"]]
    assert seats == ["seat1", "seat2"]


def test_bids_of_an_answer_have_ids_of_their_own() -> None:
    imps = {"set": {"imp.1": {"id": "2", "banner": {"w": 300, "h": 250}}}}
    bids = [{"id": "a", "price": "1"}, {"id": "a", "price": "1", "impid": "2"}]
    seatbids = answer(play({**imps, "bids": bids}))["seatbid"]
    assert len({seatbid["bid"][0]["id"] for seatbid in seatbids}) == 2


def test_auction_price_is_the_clearing_price_in_the_bids_currency() -> None:
    fx = {
        "fx": [{"base": "EUR", "quote": "USD", "rate": "1.10"}],
        "set": {"cur": ["USD"], "imp.0.bidfloor": 0.55},
    }
    bid = first_bid(one(fx, cur="EUR", adm="${AUCTION_PRICE} ${AUCTION_CURRENCY}"))
    assert bid["adm"] == "0.5 EUR"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("${AUCTION_ID}|${AUCTION_IMP_ID}|${AUCTION_SEAT_ID}", "req-1|1|seat1"),
        ("${AUCTION_PRICE}", "0.5"),
        ("${AUCTION_PRICE:B64}", "MC41"),
        ("${AUCTION_PRICE:ROT13}", ""),
        ("${AUCTION_MBR}", "0.5"),
        ("${AUCTION_MIN_TO_WIN}", "0.5"),
        ("${AUCTION_LOSS}", "0"),
        ("${AUCTION_MULTIPLIER}", "1"),
        ("${AUCTION_IMP_TS}", "5000000"),
        ("${AUCTION_AD_ID}", ""),
        ("[${AUCTION_WHATEVER}]", "[]"),
        ("`${price}` ${auction_price}", "`${price}` ${auction_price}"),
        ("https://t/?u=https%3A%2F%2Fd%2F%24%7BAUCTION_PRICE%7D", "https://t/?u=https%3A%2F%2Fd%2F0.5"),
    ],
)  # fmt: skip
def test_macros_in_markup(markup: str, expected: str) -> None:
    assert first_bid(one(adm=f"<i>{markup}</i>"))["adm"] == f"<i>{expected}</i>"


def token(url: str) -> NoticeToken:
    return read_token(KEY, url.partition("?t=")[2].partition("&")[0])


@pytest.mark.parametrize(
    ("member", "start"),
    [
        ("nurl", "https://b.example/n/win?t="),
        ("burl", "https://b.example/n/billing?t="),
        ("lurl", "https://b.example/n/loss?t="),
    ],
)
def test_our_notices_are_offered(member: str, start: str) -> None:
    assert first_bid(one())[member].startswith(start)


def test_the_exchange_fills_in_the_price_of_our_notices() -> None:
    assert first_bid(one())["nurl"].endswith("&p=${AUCTION_PRICE}")


def test_a_notice_names_the_debit_and_its_whole_amount() -> None:
    lines = [DebitLine(0, 1, 1, 20_000, bytes([n]) * 16, 500) for n in (1, 2)]
    url = answer(one(), lines=lines)["seatbid"][0]["bid"][0]["burl"]
    assert token(url) == NoticeToken(
        DEBIT, "req-1", 1, 0, 1, 1, 20_000, bytes([1]) * 16, 1000, NOW_MS + 60_000
    )


def test_what_nobody_paid_for_has_no_notices() -> None:
    assert "nurl" not in answer(one(), lines=[])["seatbid"][0]["bid"][0]


def test_a_dsps_own_notices_are_not_the_exchanges_to_call() -> None:
    assert "d.example" not in json.dumps(
        answer(one(nurl="https://d.example/w", burl="https://d.example/b"))
    )


VIDEO = {"id": "1", "bidfloor": 0.5, "video": {"mimes": ["video/mp4"]}}
NATIVE = {"id": "1", "bidfloor": 0.5, "native": {"request": '{"assets":[{"id":1,"title":{}}]}'}}


@pytest.mark.parametrize(
    ("case", "bid", "seconds"),
    [
        ({}, {}, 60),
        ({"set": {"app": {"id": "a"}}, "remove": ["site"]}, {}, 300),
        ({"set": {"imp.0": VIDEO}}, {"adm": "<VAST/>"}, 1800),
        ({"set": {"imp.0": NATIVE}}, {"adm": "{}"}, 600),
        ({"set": {"imp.0.exp": 30}}, {}, 30),
        ({}, {"exp": 40}, 40),
        ({"set": {"imp.0.exp": 30}}, {"exp": 40}, 30),
    ],
)
def test_how_long_a_bid_is_good_for(
    case: dict[str, Any], bid: dict[str, Any], seconds: int
) -> None:
    played = one(case, **bid)
    assert expiry_s(played.bids[0], played.request, 0) == seconds


def test_a_no_bid_says_why() -> None:
    body = json.loads(no_bid_answer("r", NoBid.NO_DEMAND))
    assert body == {"id": "r", "seatbid": [], "nbr": 500}


def test_the_signature_is_over_request_id_and_body() -> None:
    assert signature(b"k", "r", b"body") == sign_answer(b"k", "r", b"body")


def test_a_loser_is_told_its_loss_and_the_price_to_beat() -> None:
    lurl = "https://d/?l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}"
    bids = [{"id": "a", "price": "1.00"}, {"id": "b", "price": "0.90", "lurl": lurl}]
    played = play({"bids": bids})
    notices = loss_notices(played.request, played.result, played.market.fx, NOW_MS)
    assert [notice.url for notice in notices] == ["https://d/?l=102&m=0.91"]


def test_a_winner_is_not_told_that_it_lost() -> None:
    played = one(lurl="https://d/l")
    assert not loss_notices(played.request, played.result, played.market.fx, NOW_MS)


def test_a_winner_is_told_its_price_in_a_url_that_stays_whole() -> None:
    played = play(
        {
            "set": {"id": "a&b=c"},
            "bids": [
                {"id": "b", "price": "1", "nurl": "https://d/?i=${AUCTION_ID}&p=${AUCTION_PRICE}"}
            ],
        }
    )
    winner = played.result.winners[0][1]
    urls = [notice.url for notice in win_notices(played.request, 0, winner, NOW_MS)]
    assert urls == ["https://d/?i=a%26b%3Dc&p=0.5"]


HELD = msgspec.structs.replace(EXCHANGE, charging="on_billing_notice", billing_horizon_ms=60_000)


def token_of(played: Played, exchange: ExchangeView) -> NoticeToken:
    """The token of the first bid's billing URL."""
    lines = [DebitLine(0, 1, 1, 20_000, b"l" * 16, 910)]
    body = json.loads(
        build_answer(
            played.request, played.result, DEBIT, lines, exchange, "https://b", NOW_MS, KEY
        )
    )
    url = body["seatbid"][0]["bid"][0]["burl"]
    assert url.endswith("&p=${AUCTION_PRICE}")
    return read_token(KEY, url.partition("t=")[2].partition("&")[0])


def test_an_answer_that_is_the_sale_has_no_hold() -> None:
    token = token_of(one(), EXCHANGE)
    assert (token.hold_ms, token.micros_per_price) == (0, "")


def test_a_held_answer_names_horizon_lease_and_what_a_price_costs() -> None:
    token = token_of(one(), HELD)
    assert (token.hold_ms, token.lease, Decimal(token.micros_per_price)) == (
        *(60_000, b"l" * 16),
        Decimal(1000),
    )


def test_what_a_price_costs_contains_multiplier_and_rate() -> None:
    played = one({"set": {"imp.0.qty": {"multiplier": 2.5}}})
    played.result.winners[0][1].fx_rate = Decimal("0.91")
    assert Decimal(token_of(played, HELD).micros_per_price) == Decimal(2275)


def test_a_notice_of_the_answers_own_price_bills_what_was_debited() -> None:
    played = one({"set": {"imp.0.qty": {"multiplier": 1.3}}})
    winner = played.result.winners[0][1]
    token = token_of(played, HELD)
    price = format_micros(winner.clearing_cpm_micros)
    assert bill_micros(token, price) == winner.cost_micros
