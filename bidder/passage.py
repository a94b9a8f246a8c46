"""One request on its way through the stages: what it brought, what each stage found out, and how it ended."""

from __future__ import annotations

from time import perf_counter

import msgspec

from bidder.auction.bid import AuctionResult, Bid
from bidder.demand.context import BidContext
from bidder.demand.dsp.call import Call
from bidder.market import Market
from bidder.openrtb.model import BidRequest
from bidder.openrtb.parts import RequestParts
from rtbplatform.kernel.events import STAGES, FraudVerdict, SubjectPart
from rtbplatform.kernel.snapshot import ExchangeView
from rtbplatform.kernel.stream import DebitLine, SubjectKey

ADMIT, PARSE, ENRICH, SCREEN, SOLICIT, AUCTION, RESERVE, RESPOND = range(len(STAGES))


class Arrival(msgspec.Struct, eq=False):
    """An HTTP request as it came. `received_s` is perf_counter, `at_ms` Unix time."""

    exchange: str
    key: str
    key_in_header: bool
    encoding: str
    raw: bytes
    received_s: float
    at_ms: int
    too_large: bool = False
    """More came than may; `raw` is its beginning."""


class End(msgspec.Struct, frozen=True):
    """How a request ended, other than with a bid. `outcome` is one of events.OUTCOMES."""

    outcome: str
    status: int
    reason: str
    nbr: int = -1
    retry_after_s: int = 0


class Passage:
    """Filled stage by stage; a field of a later stage has its empty value until then."""

    __slots__ = (
        "answer",
        "answer_by_s",
        "arrival",
        "bids",
        "body",
        "calls",
        "context",
        "debit_id",
        "degraded",
        "event_id",
        "exchange",
        "fraud",
        "ids_allowed",
        "lines",
        "marked_s",
        "market",
        "parts",
        "request",
        "request_id",
        "result",
        "stage_us",
        "subject_keys",
        "subject_part",
        "told",
        "user",
    )

    def __init__(self, arrival: Arrival, event_id: bytes) -> None:
        self.arrival = arrival
        self.event_id = event_id
        self.marked_s = arrival.received_s
        self.stage_us: list[int] = []
        self.market: Market | None = None
        self.exchange: ExchangeView | None = None
        self.body = b""
        """Decoded."""
        self.request_id = ""
        self.request: BidRequest | None = None
        self.parts: RequestParts | None = None
        self.answer_by_s = 0.0
        """perf_counter: later an answer is of no use."""
        self.ids_allowed = False
        self.user = ""
        """Hex of the keyed hash; empty = unknown, or not to be known."""
        self.context: BidContext | None = None
        self.fraud: FraudVerdict | None = None
        self.bids: list[Bid] = []
        self.calls: list[Call] = []
        self.result: AuctionResult | None = None
        self.debit_id = b""
        self.lines: list[DebitLine] = []
        self.answer = b""
        self.degraded: list[str] = []
        self.told = False
        """Its event is on its way: recorded, or sent with a debit that was not refused."""
        self.subject_part: SubjectPart | None = None
        self.subject_keys: list[SubjectKey] = []

    def mark(self, stage: int) -> None:
        """The time since the last mark belongs to this stage."""
        now_s = perf_counter()
        stage_us = self.stage_us
        while len(stage_us) <= stage:
            stage_us.append(0)
        stage_us[stage] += int((now_s - self.marked_s) * 1_000_000)
        self.marked_s = now_s
