"""Stage 7: the money, before anyone hears of the answer.

In: the auction's result. Out: the committed debit's id and lines; the event is durable with it.
On failure: refused: the auction again without those who cannot pay, twice at most, then without their imps; banker
lost: no-bid, and the debit is never sent again (R8); too late: no-bid, and the debit is voided when it commits.
Time: one group commit (about 2 ms and an fsync) per attempt, until the answer is due at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from time import perf_counter

from bidder.auction.bid import AuctionResult, ImpAuction
from bidder.edge.wheel import FutureExpiry, Wheel
from bidder.passage import End, Passage
from bidder.record import Recorder
from bidder.reserve.answers import Answer, Lost
from bidder.reserve.client import BankerClient
from bidder.reserve.holds import hold_ms
from rtbplatform.kernel.codes import Loss, NoBid
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.ipc import Committed, Refused, Want

RERUNS_MAX = 2

NO_BIDS = End("no_bid", 204, "nobody bid", NoBid.NO_DEMAND)
ALL_LOST = End("no_bid", 204, "no bid could win", NoBid.ALL_BIDS_LOST)
UNFUNDABLE = End("no_bid", 204, "no bid that could win could pay", NoBid.UNFUNDED)
LATE = End("no_bid", 204, "too late", NoBid.LATE)
BANKER_LOST = End("no_bid", 204, "no debit can be made durable", NoBid.BANKER_LOST)


class Reservation:
    """Sends debits; one for all requests of a worker."""

    def __init__(self, banker: BankerClient, recorder: Recorder, wheel: Wheel) -> None:
        self._banker = banker
        self._recorder = recorder
        self._wheel = wheel

    async def reserve(
        self, passage: Passage, auction_again: Callable[[Collection[int]], AuctionResult]
    ) -> End | None:
        """None = the answer is paid for: `passage.debit_id` and `lines` are set, and `passage.told`."""
        unfundable: set[int] = set()
        for attempt in range(RERUNS_MAX + 2):
            result = passage.result
            assert result is not None
            if not result.winners:
                return _why_nobody(result, unfundable)
            submitted = self._submit(passage, result)
            if not await self._in_time(submitted, passage.answer_by_s):
                self._banker.give_up(passage.debit_id)
                submitted.add_done_callback(lambda done: self._came_late(passage, done.result()))
                return LATE
            outcome = submitted.result()
            if isinstance(outcome, Lost):
                return BANKER_LOST
            if isinstance(outcome, Committed):
                passage.lines = outcome.lines
                return None
            passage.told = False
            passage.debit_id = b""
            unfundable.update(outcome.unfundable)
            if attempt < RERUNS_MAX:
                passage.result = auction_again(unfundable)
            else:
                drop_imps(result, unfundable)
            if perf_counter() >= passage.answer_by_s:
                return LATE
        return UNFUNDABLE

    def _submit(self, passage: Passage, result: AuctionResult) -> asyncio.Future[Answer]:
        assert passage.exchange is not None
        passage.debit_id = uuid7(passage.arrival.at_ms)
        submitted = self._banker.submit(
            passage.debit_id,
            hash64(passage.request_id),
            passage.exchange.id,
            passage.arrival.at_ms,
            _wants(result),
            self._recorder.event(passage, None),
            passage.subject_keys,
            hold_ms(passage.exchange),
        )
        # From here on the event is the banker's; no second one is sent unless it is refused. Answered at once means
        # that nothing was sent (the client keeps the keys): then the event goes by itself.
        passage.told = not submitted.done()
        if not passage.told:
            passage.subject_keys = []
        return submitted

    async def _in_time(self, submitted: asyncio.Future[Answer], deadline_s: float) -> bool:
        if not submitted.done():
            gate: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            submitted.add_done_callback(lambda _: FutureExpiry(gate).expire())
            self._wheel.add(deadline_s, FutureExpiry(gate))
            await gate
        return submitted.done()

    def _came_late(self, passage: Passage, outcome: Answer) -> None:
        """The exchange has been told "no bid" meanwhile, and a commit was voided by then (`Promises`)."""
        if isinstance(outcome, Refused):
            self.record(passage, LATE)

    def record(self, passage: Passage, end: End | None) -> None:
        """The event of a request without money."""
        passage.told = True
        self._banker.record(
            hash64(passage.request_id),
            passage.exchange.id if passage.exchange else 0,
            passage.arrival.at_ms,
            self._recorder.event(passage, end),
            passage.subject_keys,
        )


def _wants(result: AuctionResult) -> list[Want]:
    wants = []
    for auction, winner in result.winners:
        campaign = winner.bid.campaign
        assert campaign is not None, "no bid wins without someone to pay"
        wants.append(Want(auction.imp, campaign.advertiser, campaign.id, winner.cost_micros))
    return wants


def drop_imps(result: AuctionResult, unfundable: Collection[int]) -> None:
    """Takes winners that cannot pay out of the result, and with one bid of a group (seatbid.group=1) the group."""
    groups: set[str] = set()
    dropped = True
    while dropped:
        dropped = False
        for auction, winner in result.winners:
            bid = winner.bid
            cannot_pay = bid.campaign is not None and bid.campaign.id in unfundable
            if cannot_pay or bid.group in groups:
                if bid.group:
                    groups.add(bid.group)
                _drop(auction)
                dropped = True


def _drop(auction: ImpAuction) -> None:
    assert auction.winner is not None
    auction.winner.bid.loss = Loss.INTERNAL_ERROR
    auction.winner.bid.detail = "could not pay"
    auction.winner = None


def _why_nobody(result: AuctionResult, unfundable: Collection[int]) -> End:
    if unfundable:
        return UNFUNDABLE
    if result.stray or any(auction.bids for auction in result.imps):
        return ALL_LOST
    return NO_BIDS
