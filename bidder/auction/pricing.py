"""What a winner pays: first price, second price plus, or a deal's fixed price (OpenRTB 2.6, `at`, sections 3.2.1, 3.2.12).

In a second-price auction the winner pays the runner-up's price plus the exchange's increment, never more than its own
bid and never less than its floor. Bids of the same buyer do not raise each other's price.
"""

from __future__ import annotations

from collections.abc import Sequence

from bidder.auction.bid import Bid, Winner
from bidder.auction.checks import floor_of
from bidder.auction.scene import Scene
from bidder.openrtb.imp import Imp
from rtbplatform.kernel.money import cost_micros

FIRST_PRICE, SECOND_PRICE, FIXED_PRICE = 1, 2, 3


def price(winner: Bid, ranked: Sequence[Bid], imp: Imp, scene: Scene) -> Winner:
    """`ranked`: all bids that passed the checks, the winner first. Prices in the answer's currency."""
    floor, floor_currency = floor_of(winner, imp)
    floor = scene.market.fx.floor(floor, floor_currency, scene.currency) or 0
    runner_up = _runner_up(winner, ranked)
    own = winner.rank_cpm_micros
    at = _auction_type(winner, imp, scene)
    if at == FIRST_PRICE:
        clearing = own
    elif at == FIXED_PRICE:
        clearing = min(floor, own)
    else:
        beaten = 0 if runner_up is None else runner_up.rank_cpm_micros + scene.increment_cpm_micros
        # Without floor and rival the lowest price that is one: a price of 0 is no valid bid.
        clearing = min(max(floor, beaten) or scene.increment_cpm_micros or 1, own)
    return _winner(
        winner, clearing, max(floor, runner_up.rank_cpm_micros if runner_up else 0), imp, scene
    )


def same_buyer(one: Bid, other: Bid) -> bool:
    """A seat, and an advertiser: neither bids against itself."""
    payer, other_payer = one.campaign, other.campaign
    if payer and other_payer and payer.advertiser == other_payer.advertiser:
        return True
    return one.dsp == other.dsp and one.seat == other.seat


def _runner_up(winner: Bid, ranked: Sequence[Bid]) -> Bid | None:
    for bid in ranked:
        if bid is not winner and not same_buyer(bid, winner):
            return bid
    return None


def _auction_type(winner: Bid, imp: Imp, scene: Scene) -> int:
    deal = imp.deals.get(winner.deal) if winner.deal else None
    if deal is not None and deal.at in {FIRST_PRICE, SECOND_PRICE, FIXED_PRICE}:
        return deal.at
    # An exchange's own types (500 and above) are not known to us: the specification's default holds.
    return FIRST_PRICE if scene.request.at == FIRST_PRICE else SECOND_PRICE


def _winner(bid: Bid, clearing: int, min_to_win: int, imp: Imp, scene: Scene) -> Winner:
    campaign, fx = bid.campaign, scene.market.fx
    assert campaign is not None, "a bid without campaign does not pass the checks"
    rate = None
    if campaign.currency != scene.currency:
        rate = fx.rate(scene.currency, campaign.currency)
    in_bid_currency = fx.cpm(clearing, scene.currency, bid.currency)
    if clearing == bid.rank_cpm_micros or in_bid_currency is None:
        in_bid_currency = bid.price_cpm_micros
    return Winner(
        bid,
        clearing,
        cost_micros(clearing, imp.multiplier, rate),
        rate,
        min(in_bid_currency, bid.price_cpm_micros),
        min_to_win,
        fx.cpm(min_to_win, scene.currency, bid.currency) or 0,
    )
