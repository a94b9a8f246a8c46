"""The way of a request: admit, parse, enrich, screen, solicit, auction, reserve, respond.

Each stage's work is in its own module, which says what goes in, what comes out, what happens when it fails and how
long it may take. Here is their order, and that every request ends in exactly one event: with its debit when it is
answered with a bid, else by itself.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec

from bidder.auction.bid import AuctionResult
from bidder.auction.run import run_auction
from bidder.demand.dsp.gateway import Gateway
from bidder.demand.solicit import solicit
from bidder.edge.admit import admit
from bidder.edge.quotas import Quotas
from bidder.edge.receive import decode, receive, request_id_of
from bidder.enrich.enricher import Enricher
from bidder.enrich.stage import identify, look_up
from bidder.market import Market
from bidder.metrics import Metrics
from bidder.openrtb.facts import traffic_of
from bidder.passage import (
    ADMIT,
    AUCTION,
    ENRICH,
    PARSE,
    RESERVE,
    RESPOND,
    SCREEN,
    SOLICIT,
    Arrival,
    End,
    Passage,
)
from bidder.reservation import LATE, Reservation
from bidder.reserve.client import BankerClient
from bidder.respond.answer import build_answer
from bidder.unexpected import Unexpected
from fraud.screen.rules import Screening
from rtbplatform.kernel.codes import NoBid
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.notice import NOTICE_PURPOSE
from rtbplatform.kernel.settings import Bidder
from rtbplatform.kernel.subject import SUBJECT_PURPOSE

TECHNICAL = End("no_bid", 204, "technical error", NoBid.TECHNICAL_ERROR)


class Pipeline:
    """One worker's. What it does per request is in `run`; what it needs for it is given."""

    def __init__(
        self,
        settings: Bidder,
        *,
        gateway: Gateway,
        enricher: Enricher,
        banker: BankerClient,
        reservation: Reservation,
        quotas: Quotas,
        metrics: Metrics,
        unexpected: Unexpected,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._enricher = enricher
        self._banker = banker
        self._reservation = reservation
        self._quotas = quotas
        self._metrics = metrics
        self._unexpected = unexpected
        self._subject_key = derive(settings.rtb_secret, SUBJECT_PURPOSE)
        self._tie_key = derive(settings.rtb_secret, "auction-ties")
        self._notice_key = derive(settings.rtb_secret, NOTICE_PURPOSE)
        self._schain_host = urlsplit(settings.bidder_public_url).hostname or "localhost"
        self.market: Market | None = None
        self.in_flight = 0

    def set_market(self, market: Market) -> None:
        """From here on new requests see this one; those under way keep theirs."""
        self._gateway.set_dsps(market.dsps)
        self.market = market

    async def run(self, arrival: Arrival) -> tuple[Passage, End | None]:
        """Never raises. An end, already recorded; or None and an answer, paid for, that the caller must report as
        `sent` or `void` after trying to write it."""
        passage = Passage(arrival, uuid7(arrival.at_ms))
        self.in_flight += 1
        try:
            end = await self._way(passage)
        except Exception as error:  # noqa: BLE001 - a mistake of ours is a no-bid, not the exchange's error
            self._unexpected.note("the pipeline", error)
            end = TECHNICAL
        finally:
            self.in_flight -= 1
        if end is not None:
            self.give_up(passage, end)
        return passage, end

    async def _way(self, passage: Passage) -> End | None:
        """An end, or None and `passage.answer`."""
        end = self._come_in(passage)
        if end is not None:
            return end
        end = await self._know(passage)
        if end is not None:
            return end
        if self._is_late(passage):
            return LATE
        await solicit(
            passage,
            self._gateway,
            self._unexpected,
            self._settings.fanout_ms,
            self._schain_node(passage),
        )
        passage.mark(SOLICIT)
        passage.result = self._auction(passage)
        passage.mark(AUCTION)
        end = LATE if self._is_late(passage) else await self._pay(passage)
        passage.mark(RESERVE)
        if end is None:
            self._respond(passage)
            passage.mark(RESPOND)
        return end

    def _come_in(self, passage: Passage) -> End | None:
        """Stages 1 and 2."""
        settings = self._settings
        end = admit(passage, self.market, self._quotas, self.in_flight, settings.in_flight_max)
        passage.mark(ADMIT)
        if end is not None:
            # So that those turned away can be found by their id as well.
            if decode(passage, settings.request_bytes_max) is None:
                passage.request_id = request_id_of(passage.body)
            return end
        end = receive(passage, settings.request_bytes_max, settings.network_margin_ms)
        passage.mark(PARSE)
        return end

    async def _know(self, passage: Passage) -> End | None:
        """Stages 3 and 4; the rules that need no Redis come first, so that junk costs none."""
        market, request = passage.market, passage.request
        assert market is not None
        assert request is not None
        identify(passage, self._subject_key)
        found = market.screen.before_enrich(
            traffic_of(request, passage.user), passage.arrival.at_ms
        )
        end = _blocked(passage, found)
        passage.mark(SCREEN)
        if end is not None:
            return end
        counts = await look_up(
            passage,
            self._enricher,
            self._banker.fundable,
            self._subject_key,
            self._settings.enrich_ms,
        )
        passage.mark(ENRICH)
        end = _blocked(passage, market.screen.after_enrich(counts))
        passage.mark(SCREEN)
        return end

    def _is_late(self, passage: Passage) -> bool:
        """Under overload the time is over before the work is: what is left of it would be done for nobody."""
        return passage.marked_s >= passage.answer_by_s

    def _auction(self, passage: Passage, excluded: Collection[int] = ()) -> AuctionResult:
        """Stage 6. Bids of campaigns that cannot pay here are out before anything is priced."""
        assert passage.request is not None
        assert passage.exchange is not None
        assert passage.market is not None
        assert passage.context is not None
        result = run_auction(
            passage.request,
            passage.exchange,
            passage.market,
            passage.context,
            passage.bids,
            self._tie_key,
            excluded,
        )
        for campaign, (advertiser, cost_micros) in passage.context.wanted.items():
            self._banker.want(advertiser, campaign, cost_micros)
        return result

    async def _pay(self, passage: Passage) -> End | None:
        """Stage 7. A test request is a whole auction that nobody pays."""
        assert passage.request is not None
        assert passage.result is not None
        if passage.request.test == 1 and passage.result.winners:
            self._reservation.record(passage, None)
            return None
        return await self._reservation.reserve(
            passage, lambda excluded: self._auction(passage, excluded)
        )

    def _respond(self, passage: Passage) -> None:
        """Stage 8, as far as bytes: the server writes them."""
        assert passage.request is not None
        assert passage.result is not None
        assert passage.exchange is not None
        try:
            passage.answer = build_answer(
                passage.request,
                passage.result,
                passage.debit_id,
                passage.lines,
                passage.exchange,
                self._settings.bidder_public_url,
                time.time_ns() // 1_000_000,
                self._notice_key,
            )
        except Exception:
            self.void(passage)
            raise

    def give_up(self, passage: Passage, end: End) -> None:
        """The request ends without a bid: its event goes out, if it has not with a debit."""
        if not passage.told:
            try:
                self._reservation.record(passage, end)
            except Exception as error:  # noqa: BLE001 - the exchange still gets its answer
                self._unexpected.note("recording", error)
        self._count(passage, end.outcome, end.nbr)

    def sent(self, passage: Passage) -> None:
        """All bytes of the answer were accepted by a live socket (R8)."""
        if passage.debit_id:
            self._banker.report_sent(passage.debit_id)
        if passage.user and passage.result is not None:
            caps = [
                (winner.bid.campaign.id, cap.window_s)
                for _, winner in passage.result.winners
                if winner.bid.campaign is not None
                for cap in winner.bid.campaign.caps
            ]
            self._enricher.count_answers(passage.user, caps, passage.arrival.at_ms)
        self._count(passage, "won", -1)

    def unknown(self, passage: Passage) -> None:
        """The connection ended with bytes of the answer on the way (R8): it stays spent."""
        if passage.debit_id:
            self._banker.report_unknown(passage.debit_id)
        self._count(passage, "won", -1)

    def void(self, passage: Passage) -> None:
        """Not a byte of the answer was written (R8)."""
        if passage.debit_id:
            self._banker.report_void(passage.debit_id)
            passage.debit_id = b""

    def too_late(self, passage: Passage) -> End:
        """The answer is paid for and its time is over: the money goes back, the exchange gets a no-bid."""
        self.void(passage)
        self._count(passage, "no_bid", NoBid.LATE)
        return LATE

    def _count(self, passage: Passage, outcome: str, number: int) -> None:
        exchange = passage.exchange.slug if passage.exchange else ""
        spent_us = int((passage.marked_s - passage.arrival.received_s) * 1_000_000)
        self._metrics.request(exchange, outcome, number, spent_us)
        self._metrics.stages(passage.stage_us)

    def _schain_node(self, passage: Passage) -> bytes:
        """OpenRTB 2.6, 3.2.25: us, and the exchange as the seller that we know."""
        assert passage.exchange is not None
        node = {"asi": self._schain_host, "sid": passage.exchange.slug, "hp": 1}
        return msgspec.json.encode(node)


def _blocked(passage: Passage, found: Screening | None) -> End | None:
    if found is None:
        return None
    passage.fraud = found.verdict
    if not found.blocked:
        return None
    reason = f"blocked: {', '.join(found.verdict.rules)}"
    return End("blocked", 204, reason, found.nbr)
