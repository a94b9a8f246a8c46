"""Auctions computed by hand: tests/fixtures/openrtb/auctions.json, one fact a case."""

from __future__ import annotations

from typing import Any

import pytest

from rtbplatform.kernel.money import parse_micros
from tests.fixtures.openrtb.build import load
from tests.fixtures.openrtb.scene import play

CASES = load("auctions.json")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_auction_comes_out_as_computed_by_hand(case: dict[str, Any]) -> None:
    played, expected = play(case), case["expect"]
    auction = played.result.imps[0]
    winner = auction.winner
    assert (winner.bid.bid_id if winner else None) == expected.get("winner")
    losses = {bid.bid_id: int(bid.loss) for bid in played.bids if bid.loss}
    assert losses == expected.get("losses", {})
    if winner is None:
        return
    assert winner.clearing_cpm_micros == parse_micros(expected["price"])
    assert winner.cost_micros == expected.get("cost", winner.cost_micros)
    assert played.result.currency == expected.get("currency", played.result.currency)
    for name, found in (
        ("min_to_win", winner.min_to_win_cpm_micros),
        ("to_losers", auction.min_to_win_cpm_micros),
        ("dsp_price", winner.bid_price_cpm_micros),
    ):
        if name in expected:
            assert found == parse_micros(expected[name])
