"""Stage 6: the auction of all imps of a request.

In: bids of all demand, what each campaign can spend. Out: per imp the winner with its price and cost, and every loser
with its loss. On failure: none possible; an imp without a valid bid has no winner. Time: 5-15 us for ten bids.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b

from bidder.auction.bid import AuctionResult, Bid, ImpAuction
from bidder.auction.checks import check
from bidder.auction.pricing import price
from bidder.auction.scene import Scene
from bidder.auction.separation import Taken
from bidder.demand.context import BidContext
from bidder.market import Market
from bidder.openrtb.model import BidRequest
from bidder.openrtb.names import lowered
from rtbplatform.kernel.codes import Loss
from rtbplatform.kernel.snapshot import ExchangeView


def run_auction(
    request: BidRequest,
    exchange: ExchangeView,
    market: Market,
    context: BidContext,
    bids: Sequence[Bid],
    tie_key: bytes,
    excluded_campaigns: Collection[int] = (),
) -> AuctionResult:
    """Own and DSP bids of all imps in one flat list. May be run again with the same bids: it resets their loss."""
    scene = Scene(
        request,
        market,
        context,
        answer_currency(request, exchange),
        exchange.increment_cpm_micros,
        tie_key,
        excluded_campaigns,
        frozenset(lowered(request.badv)) if request.badv else frozenset(),
    )
    result = AuctionResult(
        scene.currency,
        [
            ImpAuction(index, imp.id, [], None, imp.floor_cpm_micros, imp.bidfloorcur)
            for index, imp in enumerate(request.imp)
        ],
        [],
    )
    in_groups = False
    for bid in bids:
        bid.loss = check(bid, scene)
        in_groups = in_groups or bool(bid.group)
        (result.imps[bid.imp].bids if bid.imp >= 0 else result.stray).append(bid)
    if in_groups:
        _decide_groups(result, bids, scene)
    else:
        _decide(result, scene)
    return result


def answer_currency(request: BidRequest, exchange: ExchangeView) -> str:
    """The one currency of the answer: the first imp's floor's if it is allowed, so that prices at the floor need no
    conversion; else the first that the request, or else the exchange, allows."""
    allowed = request.cur or exchange.currencies or ["USD"]
    wanted = request.imp[0].bidfloorcur
    return wanted if wanted in allowed else allowed[0]


def _decide(result: AuctionResult, scene: Scene) -> None:
    taken = Taken(scene.context.fundable)
    for auction in result.imps:
        _decide_imp(auction, taken, scene)


def _decide_imp(auction: ImpAuction, taken: Taken, scene: Scene) -> None:
    ranked: list[Bid] = []
    for bid in auction.bids:
        if not bid.loss:
            bid.loss = taken.loss(bid)
            if not bid.loss:
                ranked.append(bid)
    auction.winner = None
    auction.min_to_win_cpm_micros = 0
    if not ranked:
        return
    _rank(ranked, scene)
    top = ranked[0]
    winner = price(top, ranked, scene.request.imp[auction.imp], scene)
    auction.winner = winner
    auction.min_to_win_cpm_micros = winner.clearing_cpm_micros
    for bid in ranked[1:]:
        bid.loss = Loss.LOST_TO_DEAL if top.deal and not bid.deal else Loss.OUTBID
    taken.add(top)


def _rank(bids: list[Bid], scene: Scene) -> None:
    """The highest price first; ties by a keyed hash, never by arrival."""
    if len(bids) == 1:
        return
    bids.sort(key=_by_price)
    top = bids[0].rank_cpm_micros
    if bids[1].rank_cpm_micros == top:
        bids.sort(key=lambda bid: (-bid.rank_cpm_micros, tie_hash(bid, scene)))


def _by_price(bid: Bid) -> int:
    return -bid.rank_cpm_micros


def tie_hash(bid: Bid, scene: Scene) -> bytes:
    """The lowest wins. Depends on the request and the bid's content alone."""
    parts = (scene.request.id, bid.dsp, bid.seat, bid.bid_id, bid.crid)
    return blake2b("\0".join(parts).encode(), digest_size=8, key=scene.tie_key).digest()


def _decide_groups(result: AuctionResult, bids: Sequence[Bid], scene: Scene) -> None:
    """seatbid.group=1: decided, then the cheapest group that won only in part is taken out, and decided again."""
    groups: dict[str, list[Bid]] = {}
    for bid in bids:
        if bid.group:
            groups.setdefault(bid.group, []).append(bid)
    for members in groups.values():
        if any(bid.loss for bid in members):
            _take_out(members)
    running = [bid for bid in bids if not bid.loss]
    # Each round takes one group out, so that one round more than there are groups suffices.
    for _ in range(len(groups) + 1):
        _decide(result, scene)
        winning = {id(winner.bid) for _, winner in result.winners}
        partial = [
            members
            for members in groups.values()
            if any(id(bid) in winning for bid in members)
            and not all(id(bid) in winning for bid in members)
        ]
        if not partial:
            return
        cheapest = min(partial, key=lambda members: _worth(members, scene))
        for bid in running:
            bid.loss = 0
        out = {id(bid) for bid in cheapest}
        running = [bid for bid in running if id(bid) not in out]
        _take_out(cheapest)


def _take_out(members: list[Bid]) -> None:
    for bid in members:
        bid.loss = bid.loss or Loss.GROUP_INCOMPLETE


def _worth(members: list[Bid], scene: Scene) -> tuple[int, bytes]:
    return sum(bid.rank_cpm_micros for bid in members), tie_hash(members[0], scene)
