"""What the audit keeps of a request: its AuctionEvent, with the personal part sealed. Every request ends in one.

Nothing here raises, whatever state a passage is in: a request that has no event cannot be explained to anyone.
"""

from __future__ import annotations

from bidder.auction.bid import AuctionResult, Bid, ImpAuction
from bidder.demand.dsp.call import Call
from bidder.enrich.people import address_of, identifier_of
from bidder.openrtb.model import BidRequest
from bidder.passage import Arrival, End, Passage
from rtbplatform.kernel.events import AuctionEvent, BidRecord, DspCall, ImpRecord, encode_event
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.subject import SUBJECT_PURPOSE, SubjectSealer, subject_hash

UNREAD_BYTES_MAX = 8 * 1024
"""Kept of a body that could not be parsed or was turned away."""
FAILED_ANSWER_BYTES_MAX = 1024
DAY_MS = 86_400_000


class Recorder:
    """Builds events for one worker."""

    def __init__(self, secret: str, region: str, pod: str, worker: int) -> None:
        self.sealer = SubjectSealer(secret)
        self._subject_key = derive(secret, SUBJECT_PURPOSE)
        self._region = region
        self._pod = pod
        self._worker = worker

    def event(self, passage: Passage, end: End | None) -> bytes:
        """The event, encoded; `end` None = answered with a bid. New subject keys are left in the passage: they must
        travel in the same message."""
        self._seal(passage)
        arrival, request = passage.arrival, passage.request
        event = AuctionEvent(
            event_id=passage.event_id,
            at_ms=arrival.at_ms,
            request_id=passage.request_id,
            exchange=passage.exchange.slug if passage.exchange else _name_of(arrival),
            region=self._region,
            pod=self._pod,
            worker=self._worker,
            outcome=end.outcome if end else "won",
            http_status=end.status if end else 200,
            nbr=end.nbr if end else -1,
            reason=end.reason if end else "",
            stage_us=passage.stage_us,
            fraud=passage.fraud,
            dsp_calls=[_call_record(call) for call in passage.calls],
            subject=passage.subject_part,
            degraded=passage.degraded,
        )
        if request is not None:
            event.test = request.test == 1
            event.publisher = request.publisher
            event.domain = request.domain or request.bundle
            event.country = request.country
            event.device_type = request.device.devicetype if request.device else 0
            event.auction_type = request.at
            event.request = passage.parts.public_bytes() if passage.parts is not None else b""
            if passage.result is not None:
                event.imps = _imp_records(request, passage.result)
        return encode_event(event)

    def _seal(self, passage: Passage) -> None:
        """Once per passage: an auction that is run again keeps its sealed part and the key that goes with it."""
        if passage.subject_part is not None:
            return
        arrival, request, parts = passage.arrival, passage.request, passage.parts
        exchange = _name_of(arrival)
        plain = parts.personal_bytes() if parts is not None else passage.body or arrival.raw
        if request is None or parts is None:
            plain = plain[:UNREAD_BYTES_MAX]
        identifier = ""
        if request is not None:
            identifier = identifier_of(request, exchange) or address_of(request)
        if not plain:
            return
        # Of whom we do not know: one key per exchange and day instead of one per request.
        identifier = identifier or f"unknown:{exchange}:{arrival.at_ms // DAY_MS}"
        subject = subject_hash(self._subject_key, identifier)
        passage.subject_part, key = self.sealer.seal(subject, plain, arrival.at_ms)
        if key is not None:
            passage.subject_keys.append(key)


def _name_of(arrival: Arrival) -> str:
    """What the caller says it is; a path that is not UTF-8 comes with lone surrogates, which nothing can encode."""
    return arrival.exchange[:64].encode(errors="replace").decode()


def _call_record(call: Call) -> DspCall:
    usable = call.outcome in {"bid", "no_bid"}
    return DspCall(
        dsp=call.dsp.slug,
        outcome=call.outcome,
        cause=call.cause,
        latency_ms=round(call.latency_ms, 2),
        status=call.status,
        body=call.body if usable else call.body[:FAILED_ANSWER_BYTES_MAX],
    )


def _imp_records(request: BidRequest, result: AuctionResult) -> list[ImpRecord]:
    records = [_imp_record(request, result, auction) for auction in result.imps]
    if result.stray:
        records.append(ImpRecord(imp_id="", bids=[_bid_record(bid) for bid in result.stray]))
    return records


def _imp_record(request: BidRequest, result: AuctionResult, auction: ImpAuction) -> ImpRecord:
    imp = request.imp[auction.imp]
    record = ImpRecord(
        imp_id=auction.imp_id,
        formats=imp.formats,
        floor_cpm_micros=auction.floor_cpm_micros,
        floor_currency=auction.floor_currency,
        bids=[_bid_record(bid) for bid in auction.bids],
    )
    winner = auction.winner
    if winner is not None:
        campaign = winner.bid.campaign
        record.winner = next((i for i, bid in enumerate(auction.bids) if bid is winner.bid), -1)
        record.clearing_cpm_micros = winner.clearing_cpm_micros
        record.clearing_currency = result.currency
        record.cost_micros = winner.cost_micros
        record.cost_currency = campaign.currency if campaign is not None else ""
        record.fx_rate = str(winner.fx_rate) if winner.fx_rate is not None else ""
        record.multiplier = str(imp.multiplier) if imp.multiplier is not None else ""
    return record


def _bid_record(bid: Bid) -> BidRecord:
    campaign = bid.campaign
    return BidRecord(
        bid_id=bid.bid_id,
        price_cpm_micros=bid.price_cpm_micros,
        currency=bid.currency,
        dsp=bid.dsp,
        seat=bid.seat,
        advertiser=campaign.advertiser if campaign else 0,
        campaign=campaign.id if campaign else 0,
        creative=bid.crid,
        adomain=bid.adomain,
        deal=bid.deal,
        latency_ms=round(bid.latency_ms, 2),
        loss=bid.loss,
        detail=bid.detail,
    )
