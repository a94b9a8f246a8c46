"""The audit and billing event: one versioned schema for what happened to every request and notice.

An event is written once by a bidder worker, in msgpack, and never changed. What its place in a stream adds (sequence
number, incarnation, lease ids and debited amounts) stands beside it in the stream's entry (`stream.AuctionEntry`).
Whatever points at a person is in `subject`, encrypted under a key of that person (`subject.SubjectSealer`).
"""

from __future__ import annotations

import msgspec

SCHEMA_VERSION = 1

OUTCOMES = ("won", "no_bid", "refused", "shed", "blocked", "malformed")
"""What an auction event can end as: answered with a bid; no bid; turned away (key, quota, size, encoding); shed under
overload; blocked as fraud; malformed."""

STAGES = ("admit", "parse", "enrich", "screen", "solicit", "auction", "reserve", "respond")


class SubjectPart(msgspec.Struct, array_like=True, frozen=True):
    """The personal part of a request, sealed under a data key found by `key_id`."""

    key_id: bytes
    sealed: bytes


class BidRecord(msgspec.Struct, omit_defaults=True):
    """One bid for one imp, and why it lost."""

    bid_id: str
    price_cpm_micros: int
    currency: str
    dsp: str = ""
    """Slug of the DSP; empty for a campaign of our own."""
    seat: str = ""
    advertiser: int = 0
    campaign: int = 0
    creative: str = ""
    """The crid."""
    adomain: list[str] = []
    deal: str = ""
    latency_ms: float = 0.0
    loss: int = 0
    """OpenRTB loss reason; 0 = won."""
    detail: str = ""
    """The loss in words, where the code alone does not say it."""


class ImpRecord(msgspec.Struct, omit_defaults=True):
    """One imp's auction."""

    imp_id: str
    formats: list[str] = []
    floor_cpm_micros: int = 0
    floor_currency: str = "USD"
    bids: list[BidRecord] = []
    winner: int = -1
    """Index into bids; -1 = none."""
    clearing_cpm_micros: int = 0
    clearing_currency: str = ""
    cost_micros: int = 0
    cost_currency: str = ""
    fx_rate: str = ""
    """Cost currency per clearing currency, as used; empty = 1."""
    multiplier: str = ""


class DspCall(msgspec.Struct, omit_defaults=True):
    """One DSP asked, and what came of it."""

    dsp: str
    outcome: str
    """bid | no_bid | timeout | error | skipped"""
    cause: str = ""
    """For timeout, error and skipped: what exactly (breaker_open, in_flight, status 500, not JSON ...)."""
    latency_ms: float = 0.0
    status: int = 0
    body: bytes = b""
    """The answer as received; of one that could not be used, the first 1 KiB."""


class FraudVerdict(msgspec.Struct, omit_defaults=True):
    verdict: str = "clean"
    """clean | flagged | blocked"""
    score: float = 0.0
    rules: list[str] = []
    model: str = ""


class AuctionEvent(msgspec.Struct, omit_defaults=True, tag="auction"):
    """A bid request and everything that became of it."""

    event_id: bytes
    at_ms: int
    request_id: str
    exchange: str
    region: str
    pod: str
    worker: int
    outcome: str
    http_status: int
    v: int = SCHEMA_VERSION
    nbr: int = -1
    """OpenRTB no-bid reason; -1 = there was a bid, or it never came to an auction."""
    reason: str = ""
    """The outcome in words: what the reason header said."""
    test: bool = False
    publisher: str = ""
    domain: str = ""
    country: str = ""
    device_type: int = 0
    auction_type: int = 0
    stage_us: list[int] = []
    """Microseconds in each of STAGES, as far as it got."""
    fraud: FraudVerdict | None = None
    imps: list[ImpRecord] = []
    dsp_calls: list[DspCall] = []
    request: bytes = b""
    """The request as received, less the members in `subject`; for a malformed one empty (it is all in `subject`)."""
    subject: SubjectPart | None = None
    degraded: list[str] = []
    """What this auction had to do without: enrichment, DSPs dropped under load, ..."""


class NoticeEvent(msgspec.Struct, omit_defaults=True, tag="notice"):
    """A notice that an exchange sent about one of our answers."""

    event_id: bytes
    at_ms: int
    kind: str
    """win | billing | loss"""
    request_id: str
    exchange: str
    debit_id: bytes
    imp: int
    campaign: int
    day: int
    advertiser: int
    v: int = SCHEMA_VERSION
    price: str = ""
    """AUCTION_PRICE as received."""
    loss: int = -1
    late: bool = False


Event = AuctionEvent | NoticeEvent

encode_event = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Event)


def decode_event(raw: bytes) -> Event:
    """Raises msgspec.MsgspecError when the bytes are no event of a known version."""
    event: Event = _decoder.decode(raw)
    return event
