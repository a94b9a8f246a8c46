"""Chunks of bankers' streams exactly as they were committed, so that their hashes verify for ever.

A chunk belongs to a stream, not to an advertiser (one group commit holds many advertisers' events), so its key is
(incarnation, first_seq): that is also how it is partitioned and archived, and how gaps are seen.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models

from billing.protection import APPEND_ONLY, NO_TRUNCATE


class AuditChunk(models.Model):
    """One group commit of one stream, and the thin index that finds a request in it."""

    pk = models.CompositePrimaryKey("incarnation_id", "first_seq")
    incarnation_id = models.UUIDField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    committed_at = models.DateTimeField()
    committed_ms = models.BigIntegerField()
    """As hashed."""
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    payload = models.BinaryField()
    request_hashes = ArrayField(models.BigIntegerField())
    """`ids.hash64` of each request id in it, once."""
    outcome_seqs = ArrayField(models.BigIntegerField(), default=list)
    """Entries of this stream whose outcome with money (void, unknown) stands in this chunk."""

    class Meta:
        db_table = "audit_chunk"
        indexes = [
            # fastupdate: new hashes go to a pending list first, so that settling does not wait for the tree
            GinIndex(fields=["request_hashes"], name="audit_chunk_requests", fastupdate=True),
            # tiny: voids and unknowns only
            GinIndex(
                fields=["outcome_seqs"],
                name="audit_chunk_outcomes",
                condition=~models.Q(outcome_seqs=[]),
            ),
            BrinIndex(fields=["committed_at"], name="audit_chunk_time", autosummarize=True),
        ]
        triggers = [APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"{self.incarnation_id} {self.first_seq}-{self.last_seq}"


class SubjectKeyRow(models.Model):
    """A wrapped data key of a person's sealed parts. Deleting it shreds them; the chain still verifies."""

    key_id = models.BinaryField(max_length=12, primary_key=True)
    subject = models.BinaryField(max_length=16, db_index=True)
    wrapped = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "audit_subject_key"

    def __str__(self) -> str:
        return bytes(self.key_id).hex()


class VerifiedUpTo(models.Model):
    """How far a stream's chain has been recomputed from the stored bytes."""

    incarnation_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    verified_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "audit_verified"

    def __str__(self) -> str:
        return f"{self.incarnation_id} {self.seq}"
