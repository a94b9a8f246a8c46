"""The banker's stream: what stands in an outbox, in what order, and how a chunk of it is hashed.

A stream belongs to one incarnation (one life of one banker) and is a gapless sequence of entries numbered from 1.
One group commit writes one chunk: its entries, compressed, chained to the chunk before by hash. A chunk is shipped,
settled and archived as the bytes that were committed, so that the hash of an archived chunk verifies for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import zstandard

from rtbplatform.kernel.protocol import Lease

GENESIS_HASH = bytes(32)
MAX_CHUNK_BYTES = 64 * 1024 * 1024


class ChunkError(ValueError):
    """A chunk that does not decode, or whose hash is not that of its bytes."""


class DebitLine(msgspec.Struct, array_like=True, frozen=True):
    """A part of a debit taken from one lease. A debit of one imp may span several leases of its campaign-day."""

    imp: int
    advertiser: int
    campaign: int
    day: int
    lease: bytes
    amount_micros: int


class AuctionEntry(msgspec.Struct, array_like=True, tag=1):
    """An auction (or a refused, shed or malformed request): index fields, its debit lines, the audit event."""

    request_hash: int
    exchange: int
    at_ms: int
    debit_id: bytes
    """16 bytes; empty when nothing was debited."""
    lines: list[DebitLine]
    event: bytes
    """msgpack of `events.AuctionEvent`."""
    hold_ms: int = 0
    """0: the answer is the sale. Else the debit is a hold for this long (the exchange's contract): a billing notice
    captures it, a loss notice or the horizon's end releases it."""


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """What became of a debit whose outcome carries money: which entry it was, and its lines again."""

    seq: int
    exchange: int
    lines: list[DebitLine]


class OutcomeEntry(msgspec.Struct, array_like=True, tag=2):
    """R8, in bulk: debits answered (by seq), given up before a byte was written, and those nobody knows of."""

    sent: list[int]
    void: list[Outcome]
    unknown: list[Outcome]


class LeaseChange(msgspec.Struct, array_like=True, frozen=True):
    """A lease accepted, sealed (nothing will ever be debited on it again) or tombstoned (sealed unaccepted)."""

    kind: str
    """accepted | sealed | tombstoned"""
    lease: bytes
    advertiser: int
    campaign: int
    day: int
    amount_micros: int
    spent_micros: int
    no: int = 0
    lease_signed: Lease | None = None
    """The lease as granted, with `accepted` only: a restored database that has lost the grant takes it from here."""


class LeaseEntry(msgspec.Struct, array_like=True, tag=3):
    """Lease changes, durable in the same order as the debits around them."""

    at_ms: int
    changes: list[LeaseChange]


class Claim(msgspec.Struct, array_like=True, frozen=True):
    """What a notice about a held debit says, as the signed token in its URL proves: enough to settle it alone."""

    kind: str
    """billing: capture min(hold, bill); loss: release"""
    imp: int
    advertiser: int
    campaign: int
    day: int
    lease: bytes
    """The (first) lease that paid: it tells whose stream the debit is in."""
    hold_micros: int
    bill_micros: int
    """The notice's price as the debit would have been computed from it; hold_micros when it named none."""


class NoticeEntry(msgspec.Struct, array_like=True, tag=4):
    """A win, billing or loss notice received from an exchange for one of our answers."""

    request_hash: int
    exchange: int
    at_ms: int
    debit_id: bytes
    event: bytes
    """msgpack of `events.NoticeEvent`."""
    claim: Claim | None = None
    """None: the notice moves no money (at_auction, or a win notice)."""


class FenceEntry(msgspec.Struct, array_like=True, tag=5):
    """The end of a stream: after it the file takes no debit, ever. Everything unspent on its leases is free."""

    at_ms: int
    reason: str


class LossEntry(msgspec.Struct, array_like=True, tag=6):
    """Events without money that a worker or banker had to drop, counted (a full queue, a lost connection)."""

    at_ms: int
    dropped: int
    reason: str


class MarkEntry(msgspec.Struct, array_like=True, tag=7):
    """A numbered mark of the treasury, written after everything that this incarnation had accepted before it.

    Settled, it proves that all of that is settled too: no billing notice accepted earlier is still under way, and -
    when `epoch` rises, at a census - no lease of an earlier epoch will be accepted any more."""

    at_ms: int
    no: int
    epoch: int


Entry = AuctionEntry | OutcomeEntry | LeaseEntry | NoticeEntry | FenceEntry | LossEntry | MarkEntry


class SubjectKey(msgspec.Struct, array_like=True, frozen=True):
    """A data key that opens subject parts, wrapped. Outside the hash chain, so that it can be shredded."""

    key_id: bytes
    subject: bytes
    """Keyed hash of the person's identifier; never the identifier."""
    wrapped: bytes
    made_ms: int


class Chunk(msgspec.Struct, array_like=True, frozen=True):
    """One group commit of one stream, as committed, shipped and archived."""

    incarnation: bytes
    first_seq: int
    count: int
    committed_ms: int
    prev_hash: bytes
    hash: bytes
    payload: bytes
    """zstd of the msgpack array of entries."""
    keys: bytes
    """msgpack array of `SubjectKey`; not hashed."""

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    def verify(self) -> bool:
        """Whether the hash is that of these bytes at this place of this stream."""
        return self.hash == _chunk_hash(
            self.incarnation,
            self.first_seq,
            self.count,
            self.committed_ms,
            self.prev_hash,
            self.payload,
        )


_encoder = msgspec.msgpack.Encoder()
_entries_decoder = msgspec.msgpack.Decoder(list[Entry])
_keys_decoder = msgspec.msgpack.Decoder(list[SubjectKey])
_compressor = zstandard.ZstdCompressor(level=1)


def _chunk_hash(
    incarnation: bytes,
    first_seq: int,
    count: int,
    committed_ms: int,
    prev_hash: bytes,
    payload: bytes,
) -> bytes:
    header = b"".join(number.to_bytes(8, "big") for number in (first_seq, count, committed_ms))
    return sha256(incarnation + header + prev_hash + payload).digest()


def make_chunk(
    incarnation: bytes,
    first_seq: int,
    committed_ms: int,
    prev_hash: bytes,
    entries: Sequence[Entry],
    keys: Sequence[SubjectKey] = (),
) -> Chunk:
    """The chunk of one group commit. `first_seq` is the last sequence number + 1."""
    payload = _compressor.compress(_encoder.encode(entries))
    digest = _chunk_hash(incarnation, first_seq, len(entries), committed_ms, prev_hash, payload)
    return Chunk(
        incarnation,
        first_seq,
        len(entries),
        committed_ms,
        prev_hash,
        digest,
        payload,
        _encoder.encode(keys),
    )


def chunk_entries(payload: bytes) -> list[Entry]:
    """The entries of a chunk's payload. Raises ChunkError."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=MAX_CHUNK_BYTES)
        return _entries_decoder.decode(plain)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ChunkError(f"chunk does not decode: {error}") from error


def chunk_keys(keys: bytes) -> list[SubjectKey]:
    """The subject keys that came with a chunk. Raises ChunkError."""
    try:
        return _keys_decoder.decode(keys)
    except msgspec.MsgspecError as error:
        raise ChunkError(f"subject keys do not decode: {error}") from error
