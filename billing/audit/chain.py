"""Recomputes streams' hash chains from the stored bytes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from msgspec import Struct

from billing.audit.models import AuditChunk, VerifiedUpTo
from rtbplatform.kernel.stream import GENESIS_HASH, Chunk

NO_KEYS = b"\x90"
"""An empty msgpack array: keys are not part of the chain."""


class ChainReport(Struct, frozen=True):
    incarnation: str
    chunks: int
    last_seq: int
    problem: str = ""
    """Empty when every chunk's hash is that of its bytes and continues the one before."""


def as_chunk(row: AuditChunk) -> Chunk:
    """A stored chunk as it was committed (without keys)."""
    return Chunk(
        row.incarnation_id.bytes,
        row.first_seq,
        row.last_seq - row.first_seq + 1,
        row.committed_ms,
        bytes(row.prev_hash),
        bytes(row.hash),
        bytes(row.payload),
        NO_KEYS,
    )


def verify_stream(
    incarnation: uuid.UUID, after_seq: int = 0, after_hash: bytes = GENESIS_HASH
) -> tuple[ChainReport, bytes]:
    """The chain after a verified place, and the hash it ends with."""
    rows = AuditChunk.objects.filter(incarnation_id=incarnation, first_seq__gt=after_seq)
    seq, digest, count, problem = after_seq, after_hash, 0, ""
    for row in rows.order_by("first_seq").iterator(chunk_size=200):
        chunk = as_chunk(row)
        if chunk.first_seq != seq + 1:
            problem = f"entries {seq + 1} to {chunk.first_seq - 1} are missing"
        elif chunk.prev_hash != digest:
            problem = f"chunk {chunk.first_seq} does not continue the chain"
        elif not chunk.verify():
            problem = f"chunk {chunk.first_seq} was changed: its hash is not that of its bytes"
        if problem:
            break
        seq, digest, count = chunk.last_seq, chunk.hash, count + 1
    return ChainReport(str(incarnation), count, seq, problem), digest


def verify_all() -> Iterator[ChainReport]:
    """Every stream, from its beginning."""
    streams = AuditChunk.objects.values_list("incarnation_id", flat=True).distinct()
    for incarnation in streams.order_by("incarnation_id"):
        yield verify_stream(incarnation)[0]


def verify_new() -> list[ChainReport]:
    """What was settled since the last time, per stream; remembers how far it came. Returns streams with a problem."""
    known = {row.incarnation_id: (row.seq, bytes(row.hash)) for row in VerifiedUpTo.objects.all()}
    problems: list[ChainReport] = []
    for incarnation in AuditChunk.objects.values_list("incarnation_id", flat=True).distinct():
        report, digest = verify_stream(incarnation, *known.get(incarnation, (0, GENESIS_HASH)))
        if report.chunks:
            VerifiedUpTo.objects.update_or_create(
                incarnation_id=incarnation, defaults={"seq": report.last_seq, "hash": digest}
            )
        if report.problem:
            problems.append(report)
    return problems
