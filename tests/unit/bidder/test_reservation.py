"""What is dropped when nobody can pay for it, as values."""

from __future__ import annotations

from bidder.auction.bid import AuctionResult, Bid, ImpAuction, Winner
from bidder.reservation import drop_imps
from rtbplatform.kernel.snapshot import CampaignView, TargetingView


def campaign(number: int) -> CampaignView:
    return CampaignView(number, 1, "USD", 0, 1, 0, 0, 1, TargetingView())


def auction(imp: int, payer: int, group: str = "") -> ImpAuction:
    bid = Bid(
        bid_id=f"b{imp}",
        imp=imp,
        price_cpm_micros=1,
        currency="USD",
        seat="s",
        campaign=campaign(payer),
        group=group,
    )
    return ImpAuction(imp, str(imp), [bid], Winner(bid, 1, 1, None, 1, 1, 1))


def kept(result: AuctionResult) -> list[int]:
    return [won.imp for won, _ in result.winners]


def test_only_the_imps_of_those_who_cannot_pay_are_dropped() -> None:
    result = AuctionResult("USD", [auction(0, 7), auction(1, 8)], [])
    drop_imps(result, {7})
    assert kept(result) == [1]


def test_a_dropped_winner_has_a_loss_and_a_reason() -> None:
    result = AuctionResult("USD", [auction(0, 7)], [])
    drop_imps(result, {7})
    assert (result.imps[0].bids[0].loss, result.imps[0].bids[0].detail) == (1, "could not pay")


def test_with_one_of_a_group_the_whole_group_is_dropped_whatever_the_order() -> None:
    result = AuctionResult(
        "USD", [auction(0, 8, "g"), auction(1, 9), auction(2, 7, "g"), auction(3, 8, "h")], []
    )
    drop_imps(result, {7})
    assert kept(result) == [1, 3]
