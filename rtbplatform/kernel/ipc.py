"""Messages between a machine's bidder workers and its banker, over a unix socket.

Each frame is a 4-byte little-endian length and a msgpack message. Both sides gather the messages of a loop turn into
one write. A worker that loses the banker answers 204 and never sends a debit again (R8).
"""

from __future__ import annotations

import msgspec

from rtbplatform.kernel.stream import Claim, DebitLine, SubjectKey

FRAME_BYTES_MAX = 8 * 1024 * 1024


class Hello(msgspec.Struct, array_like=True, tag=1):
    worker: int
    pid: int


class Want(msgspec.Struct, array_like=True, frozen=True):
    """One imp's debit as the auction decided it."""

    imp: int
    advertiser: int
    campaign: int
    amount_micros: int


class Submit(msgspec.Struct, array_like=True, tag=2):
    """All debits of one answer and its event: committed together, or refused together."""

    debit_id: bytes
    request_hash: int
    exchange: int
    at_ms: int
    wants: list[Want]
    event: bytes
    keys: list[SubjectKey]
    hold_ms: int = 0
    """`stream.AuctionEntry.hold_ms`."""


class Record(msgspec.Struct, array_like=True, tag=3):
    """An event without money; nobody waits for it."""

    request_hash: int
    exchange: int
    at_ms: int
    event: bytes
    keys: list[SubjectKey]


class Outcomes(msgspec.Struct, array_like=True, tag=4):
    """R8: answers sent whole to a live socket, debits given up before a byte was written, and those whose connection
    ended with bytes on the way (debit ids)."""

    sent: list[bytes]
    void: list[bytes]
    unknown: list[bytes] = []


class Wanted(msgspec.Struct, array_like=True, tag=5):
    """Campaigns that matched but have nothing to spend here: (advertiser, campaign, cost of one bid in micros)."""

    campaigns: list[tuple[int, int, int]]


class Notice(msgspec.Struct, array_like=True, tag=6):
    """A notice from an exchange; acknowledged in `Acks` by `notice_id` once durable."""

    notice_id: bytes
    request_hash: int
    exchange: int
    at_ms: int
    debit_id: bytes
    event: bytes
    claim: Claim | None = None


class Metrics(msgspec.Struct, array_like=True, tag=7):
    """A worker's counters since its start, gauges, histograms and per-DSP numbers, each second."""

    counters: dict[str, int]
    gauges: dict[str, float]
    histograms: dict[str, list[int]]
    """Name -> counts per bucket of `LATENCY_BUCKETS_MS` (one more for what is above), then the sum in us."""


class MetricsQuery(msgspec.Struct, array_like=True, tag=8):
    query_id: int


class Lost(msgspec.Struct, array_like=True, tag=9):
    """Events without money that this worker had to drop."""

    dropped: int
    reason: str


ToBanker = Hello | Submit | Record | Outcomes | Wanted | Notice | Metrics | MetricsQuery | Lost


class Welcome(msgspec.Struct, array_like=True, tag=1):
    incarnation: bytes
    pod: str
    region: str


class Committed(msgspec.Struct, array_like=True, frozen=True):
    """A debit that is durable: where its money came from."""

    debit_id: bytes
    lines: list[DebitLine]


class Acks(msgspec.Struct, array_like=True, tag=2):
    """One group commit's news for one worker."""

    debits: list[Committed]
    notices: list[bytes]


class Refused(msgspec.Struct, array_like=True, tag=3):
    """A debit that committed nothing, and the campaigns that could not pay."""

    debit_id: bytes
    unfundable: list[int]


class Mirror(msgspec.Struct, array_like=True, tag=4):
    """What each campaign could spend on this machine a moment ago (micros); `full` replaces all before."""

    full: bool
    fundable: dict[int, int]


class MetricsText(msgspec.Struct, array_like=True, tag=5):
    query_id: int
    text: str


class Declined(msgspec.Struct, array_like=True, tag=6):
    """A notice that was not recorded and will not be: the exchange is told to try again."""

    notice_id: bytes


ToWorker = Welcome | Acks | Refused | Mirror | MetricsText | Declined

LATENCY_BUCKETS_MS = (
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    25,
    30,
    40,
    50,
    60,
    70,
    80,
    90,
    100,
    150,
    250,
    500,
    1000,
)

_encode = msgspec.msgpack.Encoder().encode
decode_to_banker = msgspec.msgpack.Decoder(ToBanker).decode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode


def frame(message: ToBanker | ToWorker) -> bytes:
    """A message with its length in front."""
    body = _encode(message)
    return len(body).to_bytes(4, "little") + body


class FrameReader:
    """Cuts a byte stream into message bodies. Raises ValueError on a frame above FRAME_BYTES_MAX."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(buffer) - start >= 4:
            length = int.from_bytes(buffer[start : start + 4], "little")
            if length > FRAME_BYTES_MAX:
                raise ValueError(f"frame of {length} bytes")
            end = start + 4 + length
            if end > len(buffer):
                break
            bodies.append(bytes(buffer[start + 4 : end]))
            start = end
        if start:
            del buffer[:start]
        return bodies
