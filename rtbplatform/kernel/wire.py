"""Every Redis key and every message between treasury, banker and bidder that travels through Redis.

Redis is a mailbox, never an authority: each message may be lost, repeated, delayed or come from an old copy, and
whoever reads it must stay right. Mail is signed (`keys.sign_mail` with the "mail" key). Keys of one campaign or one
user share a hash tag, so that they stay together on a Redis Cluster. Commands of Redis 6.2.
"""

from __future__ import annotations

import msgspec

from rtbplatform.kernel.keys import open_mail, sign_mail
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import Chunk

MAIL_PURPOSE = "mail"
LEASE_PURPOSE = "lease"
SNAPSHOT_PURPOSE = "snapshot"
MAILBOX_MESSAGES_MAX = 10_000
BANKER_MAILBOX_TTL_S = 120

SNAPSHOT_BLOB = "snapshot:blob"
"""The sealed snapshot (`snapshot.seal`)."""
SNAPSHOT_VERSION = "snapshot:version"
"""Its version as a decimal integer; workers look at it every second, as published news may be lost."""
SNAPSHOT_CHANNEL = "snapshot:news"
"""Pub/sub: the new version, as soon as it is written."""
PACING = "pacing:current"
"""msgpack of `Pacing`."""


def treasury_mailbox(region: str) -> str:
    """List: what bankers tell the region's treasury. RPUSH by bankers, BLPOP/LPOP by the treasury."""
    return f"mail:treasury:{region}"


def banker_mailbox(incarnation: str) -> str:
    """List: what the treasury tells one incarnation of a banker (its UUID's text)."""
    return f"mail:banker:{incarnation}"


def health_key(region: str, pod: str) -> str:
    """String, expiring: msgpack of `PodHealth`, written by the banker each second."""
    return f"health:{region}:{pod}"


HEALTH_PATTERN = "health:*"
HEALTH_TTL_S = 5


def profile_key(user: str) -> str:
    """String: msgpack of `Profile` of a user (hex of the keyed hash)."""
    return "u:{" + user + "}:profile"


def cap_key(user: str, campaign: int, window_s: int, now_s: int) -> str:
    """Integer, expiring: answers of a campaign to a user in the current window."""
    return "u:{" + user + "}" + f":cap:{campaign}:{window_s}:{now_s // window_s}"


def velocity_key(kind: str, value: str, minute: int) -> str:
    """Integer, expiring: requests seen from an ip, user or device in one minute."""
    return f"vel:{kind}:{{{value}}}:{minute}"


VELOCITY_TTL_S = 120


class Register(msgspec.Struct, tag="register"):
    """A banker's new life; repeated until answered by `Cursor`. Idempotent."""

    incarnation: bytes
    region: str
    pod: str
    machine: str
    """Machine id, file-system id and inode of its outbox: a copy is told from the original by them (R2)."""
    started_ms: int
    last_seq: int = 0
    """How long its stream is already: a treasury that does not know it has lost it (a restored database)."""
    epoch: int = 0
    """The newest census that it has written the mark of. A treasury that knows none so new has lost it: it opens
    another one, with a higher number."""
    found: list[bytes] | None = None
    """From a pod's live banker: every incarnation whose outbox lies on its disk, its own included."""
    copies: list[bytes] = []
    """Incarnations whose outbox there is a copy, a clone or damaged: put aside, for a person."""


class LeaseRequest(msgspec.Struct, tag="lease_request"):
    """Money wanted. `no` is unique in its incarnation: repeated, it gets the same lease again (R4)."""

    incarnation: bytes
    no: int
    advertiser: int
    campaign: int
    min_amount_micros: int
    """The smallest lease of use: one bid."""
    want_micros: int
    """Sizing by the banker's observed rate; the allocator decides."""
    holders: int = 1


class Ship(msgspec.Struct, tag="ship"):
    """A chunk of a stream, on its way to settlement."""

    chunk: Chunk


ToTreasury = Register | LeaseRequest | Ship


class Grant(msgspec.Struct, tag="grant"):
    lease: Lease


class Refuse(msgspec.Struct, tag="refuse"):
    """No lease for a request: `reason` is exhausted | not_running | unregistered | fenced | census."""

    request_no: int
    campaign: int
    reason: str
    retry_ms: int


class Recall(msgspec.Struct, tag="recall"):
    """Seal these leases now (paused, budget cut)."""

    leases: list[bytes]


class Inquire(msgspec.Struct, tag="inquire"):
    """Leases past their term: seal them, or tombstone those never received."""

    leases: list[Lease]


class Cursor(msgspec.Struct, tag="cursor"):
    """Settled up to here, of one incarnation; also the answer to `Register` (seq 0)."""

    incarnation: bytes
    settled_seq: int
    state: str = "open"
    """open | closed | stopped (a hash or gap alarm; a person must look) | quarantined | unknown (register again)"""


class Mark(msgspec.Struct, tag="mark"):
    """Write `stream.MarkEntry` with this number, once, unless a higher one was written. `epoch`: the newest census."""

    no: int
    epoch: int


ToBanker = Grant | Refuse | Recall | Inquire | Cursor | Mark


class Profile(msgspec.Struct):
    """What is known of a user: made by the feature job, read in the bid path."""

    segments: list[str] = []
    risk: float = 0.0


class Pacing(msgspec.Struct):
    """The probability of taking part, per campaign id. A campaign that is not named takes part always."""

    made_ms: int
    participation: dict[int, float]


class PodHealth(msgspec.Struct):
    """A pod's numbers for the operator's console: rates over the last seconds, totals since start."""

    region: str
    pod: str
    made_ms: int
    workers: int
    snapshot_version: int
    totals: dict[str, int]
    rates: dict[str, float]
    latency_ms: dict[str, float]
    """p50, p95, p99 of answered requests."""
    dsps: dict[str, dict[str, float]]
    """Per DSP slug: calls, bids, timeouts, errors, p50_ms, p99_ms, breaker (0 closed, 1 half, 2 open)."""
    relay_lag: int = 0
    """Entries committed and not yet settled."""


_encode = msgspec.msgpack.Encoder().encode
_to_treasury = msgspec.msgpack.Decoder(ToTreasury)
_to_banker = msgspec.msgpack.Decoder(ToBanker)


def pack_mail(key: bytes, message: ToTreasury | ToBanker) -> bytes:
    """A signed message. `key` is ``derive(secret, MAIL_PURPOSE)``."""
    return sign_mail(key, _encode(message))


def open_treasury_mail(key: bytes, mail: bytes) -> ToTreasury:
    """Raises keys.SealError for a forged message, msgspec.MsgspecError for one of another version."""
    message: ToTreasury = _to_treasury.decode(open_mail(key, mail))
    return message


def open_banker_mail(key: bytes, mail: bytes) -> ToBanker:
    """Raises keys.SealError for a forged message, msgspec.MsgspecError for one of another version."""
    message: ToBanker = _to_banker.decode(open_mail(key, mail))
    return message
