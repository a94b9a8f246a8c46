"""Several imps: one advertiser a request, money promised once, groups all or nothing, ties, second runs."""

from __future__ import annotations

from typing import Any

from bidder.auction.run import run_auction
from rtbplatform.kernel.codes import Loss
from tests.fixtures.openrtb.build import EXCHANGE
from tests.fixtures.openrtb.scene import TIE_KEY, Played, play

TWO_IMPS = {"imp.1": {"id": "2", "banner": {"w": 300, "h": 250}, "bidfloor": 0.5}}


def two(bids: list[dict[str, Any]], **case: Any) -> Played:
    return play({"set": TWO_IMPS, "bids": bids, **case})


def winners(played: Played) -> list[str | None]:
    return [one.winner.bid.bid_id if one.winner else None for one in played.result.imps]


def grouped(played: Played, *ids: str) -> Played:
    """Those bids as if they had come in one seatbid with group=1; decided again."""
    for bid_id in ids:
        played.bid(bid_id).group = "dsp/1"
    return again(played)


def again(played: Played, excluded: tuple[int, ...] = ()) -> Played:
    played.result = run_auction(
        played.request, EXCHANGE, played.market, played.context, played.bids, TIE_KEY, excluded
    )
    return played


def test_each_imp_is_its_own_auction() -> None:
    played = two([{"id": "a", "price": "2"}, {"id": "b", "price": "1", "impid": "2"}])
    assert winners(played) == ["a", "b"]


def test_an_advertiser_wins_one_imp_of_a_request() -> None:
    played = two([{"id": "a", "price": "2"}, {"id": "b", "price": "3", "impid": "2", "buyer": 1}])
    assert winners(played) == ["a", None]


def test_an_advertiser_that_has_an_imp_is_told_so() -> None:
    played = two([{"id": "a", "price": "2"}, {"id": "b", "price": "3", "impid": "2", "buyer": 1}])
    assert played.bid("b").loss == Loss.COMPETITIVE_SEPARATION


def test_another_advertiser_of_the_same_domain_is_kept_apart_too() -> None:
    shop = ["shop.com"]
    played = two(
        [
            {"id": "a", "price": "2", "adomain": shop},
            {"id": "b", "price": "3", "impid": "2", "adomain": shop},
        ]
    )
    assert winners(played) == ["a", None]


def test_a_group_that_wins_everywhere_wins() -> None:
    played = two([{"id": "a", "price": "2"}, {"id": "b", "price": "2", "impid": "2", "buyer": 1}])
    assert winners(grouped(played, "a", "b")) == ["a", "b"]


def test_a_group_that_is_outbid_somewhere_wins_nothing() -> None:
    played = two(
        [
            {"id": "a", "price": "2"},
            {"id": "b", "price": "1", "impid": "2", "buyer": 1},
            {"id": "c", "price": "1.5", "impid": "2"},
        ]
    )
    assert winners(grouped(played, "a", "b")) == [None, "c"]


def test_a_group_taken_out_is_told_so() -> None:
    played = two(
        [
            {"id": "a", "price": "2"},
            {"id": "b", "price": "1", "impid": "2", "buyer": 1},
            {"id": "c", "price": "1.5", "impid": "2"},
        ]
    )
    assert grouped(played, "a", "b").bid("a").loss == Loss.GROUP_INCOMPLETE


def test_a_group_with_an_unusable_bid_wins_nothing() -> None:
    played = two([{"id": "a", "price": "2"}, {"id": "b", "price": "0.1", "impid": "2", "buyer": 1}])
    assert winners(grouped(played, "a", "b")) == [None, None]


def test_the_imp_a_group_leaves_goes_to_the_next_bid() -> None:
    played = two(
        [
            {"id": "a", "price": "2"},
            {"id": "b", "price": "0.1", "impid": "2", "buyer": 1},
            {"id": "c", "price": "1"},
        ]
    )
    assert winners(grouped(played, "a", "b")) == ["c", None]


def test_a_group_can_pay_for_all_its_imps_or_for_none() -> None:
    played = two(
        [{"id": "a", "price": "2"}, {"id": "b", "price": "2", "impid": "2", "buyer": 1}],
        fundable={"1": 3999},
    )
    assert winners(grouped(played, "a", "b")) == [None, None]


def test_a_second_run_without_those_who_cannot_pay_has_another_winner() -> None:
    played = play({"bids": [{"id": "a", "price": "3"}, {"id": "b", "price": "2"}]})
    assert winners(again(played, (1,))) == ["b"]


def test_a_second_run_lets_the_outbid_in_again() -> None:
    played = play({"bids": [{"id": "a", "price": "3"}, {"id": "b", "price": "2"}]})
    again(played, (1,))
    assert played.bid("b").loss == 0


def test_campaigns_that_cannot_pay_are_wanted_with_the_cost_of_one_bid() -> None:
    played = play({"bids": [{"id": "a", "price": "3"}], "fundable": {"1": 0}})
    assert played.context.wanted == {1: (1, 3000)}


def test_a_bid_for_no_imp_is_kept_apart_with_its_loss() -> None:
    played = play({"bids": [{"id": "a", "price": "3", "impid": "9"}]})
    assert [bid.bid_id for bid in played.result.stray] == ["a"]


def test_equal_bids_are_decided_by_request_and_not_by_arrival() -> None:
    pair = [{"id": "a", "price": "1", "buyer": 1}, {"id": "b", "price": "1", "buyer": 2}]
    ids = [f"r{number}" for number in range(40)]
    forward = [winners(play({"set": {"id": one}, "bids": pair}))[0] for one in ids]
    backward = [winners(play({"set": {"id": one}, "bids": pair[::-1]}))[0] for one in ids]
    assert forward == backward


def test_equal_bids_win_in_turns() -> None:
    pair = [{"id": "a", "price": "1", "buyer": 1}, {"id": "b", "price": "1", "buyer": 2}]
    found = {winners(play({"set": {"id": f"r{n}"}, "bids": pair}))[0] for n in range(40)}
    assert found == {"a", "b"}
