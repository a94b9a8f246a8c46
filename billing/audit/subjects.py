"""Personal parts of events: opened for who may, shredded for who asks."""

from __future__ import annotations

from collections.abc import Collection

from billing.audit.models import SubjectKeyRow
from rtbplatform.kernel.events import SubjectPart
from rtbplatform.kernel.keys import SealError, derive
from rtbplatform.kernel.subject import SUBJECT_PURPOSE, open_subject, subject_hash


def open_part(secret: str, part: SubjectPart) -> bytes | None:
    """The plain personal part; None when its key is gone (shredded) or does not open it."""
    row = SubjectKeyRow.objects.filter(key_id=part.key_id).first()
    if row is None:
        return None
    try:
        return open_subject(secret, bytes(row.wrapped), part)
    except SealError:
        return None


def shred_subject(secret: str, identifiers: Collection[str]) -> int:
    """Deletes all keys of a person, known by identifiers as requests carry them; returns how many.

    Events and their hashes stay; their personal parts can never be opened again.
    """
    key = derive(secret, SUBJECT_PURPOSE)
    hashes = [subject_hash(key, identifier) for identifier in identifiers]
    deleted, _ = SubjectKeyRow.objects.filter(subject__in=hashes).delete()
    return deleted
