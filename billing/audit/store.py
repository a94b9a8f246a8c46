"""Keeps settled chunks and the keys of their personal parts. Part of the settling transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from billing.audit.models import AuditChunk, SubjectKeyRow
from billing.settlement.naming import outcome_seqs
from rtbplatform.kernel.stream import AuctionEntry, Chunk, Entry, NoticeEntry, chunk_keys


def store_chunks(chunks: Sequence[Chunk], entries: Sequence[Sequence[Entry]]) -> None:
    """The bytes as they were committed, and the thin index; `entries` are those of each chunk."""
    AuditChunk.objects.bulk_create(
        [_row(chunk, part) for chunk, part in zip(chunks, entries, strict=True)]
    )


def _row(chunk: Chunk, entries: Sequence[Entry]) -> AuditChunk:
    hashes = {
        entry.request_hash for entry in entries if isinstance(entry, AuctionEntry | NoticeEntry)
    }
    return AuditChunk(
        incarnation_id=uuid.UUID(bytes=chunk.incarnation),
        first_seq=chunk.first_seq,
        last_seq=chunk.last_seq,
        committed_at=datetime.fromtimestamp(chunk.committed_ms / 1000, UTC),
        committed_ms=chunk.committed_ms,
        prev_hash=chunk.prev_hash,
        hash=chunk.hash,
        payload=chunk.payload,
        request_hashes=sorted(hashes),
        outcome_seqs=outcome_seqs(entries),
    )


def store_keys(chunks: Sequence[Chunk]) -> None:
    """Wrapped data keys that came beside the chunks. Raises ChunkError."""
    keys = [key for chunk in chunks for key in chunk_keys(chunk.keys)]
    if keys:
        SubjectKeyRow.objects.bulk_create(
            [
                SubjectKeyRow(
                    key_id=key.key_id,
                    subject=key.subject,
                    wrapped=key.wrapped,
                    made_at=datetime.fromtimestamp(key.made_ms / 1000, UTC),
                )
                for key in keys
            ],
            ignore_conflicts=True,
        )
