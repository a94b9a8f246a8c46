"""The auction against a second one, written for clearness alone: fractions, no caches, no shortcuts."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b
from math import ceil, floor
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bidder.auction.run import run_auction
from rtbplatform.kernel.money import parse_micros
from tests.fixtures.openrtb.build import EXCHANGE
from tests.fixtures.openrtb.scene import TIE_KEY, Played, play

DEALS = [
    {"id": "fixed", "bidfloor": 0.75, "at": 3},
    {"id": "first", "bidfloor": 0.4, "at": 1},
    {"id": "plain", "bidfloor": 0.9},
]
prices = st.sampled_from(["0.40", "0.50", "0.51", "0.75", "0.9", "0.90", "1.00", "1.005", "2"])


@st.composite
def bids(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 7))
    return [
        {
            "id": f"b{place}",
            "price": draw(prices),
            "impid": draw(st.sampled_from(["1", "2", "3", "elsewhere"])),
            "buyer": (buyer := draw(st.integers(1, 4))),
            "cid": str(draw(st.sampled_from([buyer, buyer, buyer, 99]))),
            "dealid": draw(st.sampled_from(["", "", "", "fixed", "first", "plain", "unknown"])),
        }
        for place in range(count)
    ]


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    imps = [
        {
            "id": str(number),
            "banner": {"w": 300, "h": 250},
            "bidfloor": draw(st.sampled_from([0, 0.5, 0.75, 1.0])),
            "pmp": {"private_auction": draw(st.sampled_from([0, 0, 0, 1])), "deals": DEALS},
        }
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    return {
        "set": {"imp": imps, "at": draw(st.sampled_from([1, 2]))},
        "bids": draw(bids()),
        "fundable": {
            str(buyer): draw(st.sampled_from([10**12, 10**12, 900, 0])) for buyer in range(1, 5)
        },
        "increment": draw(st.sampled_from(["0.01", "0", "0.2"])),
    }


def naive(case: dict[str, Any]) -> list[tuple[str, int, int] | None]:
    """Per imp: (bid id, clearing CPM micros, cost micros), or None."""
    outcome: list[tuple[str, int, int] | None] = []
    sold_to: set[int] = set()
    for imp in case["set"]["imp"]:
        won = naive_imp(imp, case, sold_to)
        outcome.append(won and won[1])
        if won:
            sold_to.add(won[0])
    return outcome


def naive_imp(
    imp: dict[str, Any], case: dict[str, Any], sold_to: set[int]
) -> tuple[int, tuple[str, int, int]] | None:
    deals = {deal["id"]: deal for deal in imp["pmp"]["deals"]}
    standing = []
    for bid in case["bids"]:
        deal = deals.get(bid["dealid"])
        least = Fraction(str((deal or imp)["bidfloor"]))
        price = Fraction(bid["price"])
        if bid["impid"] != imp["id"] or int(bid["cid"]) != bid["buyer"]:
            continue
        if bid["dealid"] and deal is None:
            continue
        if imp["pmp"]["private_auction"] and deal is None:
            continue
        if price < least or price * 1000 > case["fundable"][str(bid["buyer"])]:
            continue
        if bid["buyer"] not in sold_to:
            standing.append((price, bid, deal, least))
    if not standing:
        return None
    standing.sort(key=lambda one: (-one[0], tie(one[1])))
    price, bid, deal, least = standing[0]
    rivals = [one[0] for one in standing if one[1]["buyer"] != bid["buyer"]]
    at = (deal or {}).get("at", case["set"]["at"])
    increment = Fraction(case["increment"])
    if at == 1:
        clearing = price
    elif at == 3:
        clearing = least
    else:
        beaten = rivals[0] + increment if rivals else Fraction(0)
        clearing = min(max(least, beaten) or increment or Fraction(1, 10**6), price)
    return bid["buyer"], (bid["id"], floor(clearing * 10**6), ceil(clearing * 1000))


def tie(bid: dict[str, Any]) -> bytes:
    """As documented: lowest keyed BLAKE2b of request, DSP, seat, bid and creative."""
    parts = ("req-1", f"dsp{bid['buyer']}", f"seat{bid['buyer']}", bid["id"], f"cr-{bid['id']}")
    return blake2b("\0".join(parts).encode(), digest_size=8, key=TIE_KEY).digest()


def outcome_of(played: Played) -> list[tuple[str, int, int] | None]:
    return [
        auction.winner
        and (
            auction.winner.bid.bid_id,
            auction.winner.clearing_cpm_micros,
            auction.winner.cost_micros,
        )
        for auction in played.result.imps
    ]


@settings(max_examples=400, deadline=None)
@given(cases())
def test_the_auction_agrees_with_the_naive_one(case: dict[str, Any]) -> None:
    assert outcome_of(play(case)) == naive(case)


@settings(max_examples=100, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(case: dict[str, Any], random: Any) -> None:
    before = outcome_of(play(case))
    random.shuffle(case["bids"])
    assert outcome_of(play(case)) == before


@settings(max_examples=100, deadline=None)
@given(cases())
def test_nobody_pays_more_than_it_bid_or_less_than_its_floor(case: dict[str, Any]) -> None:
    for _, winner in play(case).result.winners:
        assert winner.clearing_cpm_micros <= winner.bid.price_cpm_micros
        assert winner.cost_micros <= winner.bid.cost_max_micros


@settings(max_examples=100, deadline=None)
@given(cases())
def test_every_bid_has_won_or_has_a_loss(case: dict[str, Any]) -> None:
    played = play(case)
    winning = [id(winner.bid) for _, winner in played.result.winners]
    assert all((id(bid) in winning) == (bid.loss == 0) for bid in played.bids)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_second_run_with_the_same_bids_comes_out_the_same(case: dict[str, Any]) -> None:
    played = play(case)
    before = outcome_of(played)
    exchange = msgspec.structs.replace(
        EXCHANGE, increment_cpm_micros=parse_micros(case["increment"])
    )
    played.result = run_auction(
        played.request, exchange, played.market, played.context, played.bids, TIE_KEY
    )
    assert outcome_of(played) == before
