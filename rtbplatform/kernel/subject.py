"""The personal part of events: sealed under a data key per person, so that deleting the key shreds it.

Hashes of the audit chain cover the ciphertext and stay verifiable after shredding. A worker makes a data key when it
first meets a person and keeps it for a bounded time; the key, wrapped under the platform's key-encryption key, is
shipped in the same message as the first event that uses it, outside the hashed payload. After losing the banker a
worker forgets all its keys (`forget`), since messages that carried them may be lost.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict

from rtbplatform.kernel.events import SubjectPart
from rtbplatform.kernel.keys import derive, open_blob, seal_blob
from rtbplatform.kernel.stream import SubjectKey

KEY_ID_BYTES = 12
SUBJECT_PURPOSE = "subject-hash"
WRAP_PURPOSE = "subject-key-encryption"


def subject_hash(secret_key: bytes, identifier: str) -> bytes:
    """The keyed hash by which a person is known inside the platform. 16 bytes of HMAC-SHA256.

    `secret_key` is ``derive(secret, SUBJECT_PURPOSE)``.
    """
    return hmac.digest(secret_key, identifier.encode(), "sha256")[:16]


class SubjectSealer:
    """Seals personal parts with one data key per person, kept for the most recent `people_max` people."""

    def __init__(self, secret: str, people_max: int = 50_000) -> None:
        self._wrap_key = derive(secret, WRAP_PURPOSE)
        self._people_max = people_max
        self._keys: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()

    def seal(
        self, subject: bytes, plain: bytes, now_ms: int
    ) -> tuple[SubjectPart, SubjectKey | None]:
        """The sealed part, and the wrapped key when it is new: it must travel in the same message."""
        known = self._keys.get(subject)
        if known is not None:
            key_id, data_key = known
            return SubjectPart(key_id, seal_blob(data_key, plain, key_id)), None
        key_id, data_key = os.urandom(KEY_ID_BYTES), os.urandom(32)
        self._keys[subject] = (key_id, data_key)
        if len(self._keys) > self._people_max:
            self._keys.popitem(last=False)
        wrapped = seal_blob(self._wrap_key, data_key, key_id)
        part = SubjectPart(key_id, seal_blob(data_key, plain, key_id))
        return part, SubjectKey(key_id, subject, wrapped, now_ms)

    def forget(self) -> None:
        """Drop all keys: those that were on their way to a lost banker may never arrive."""
        self._keys.clear()


def open_subject(secret: str, wrapped: bytes, part: SubjectPart) -> bytes:
    """The plain personal part. Raises keys.SealError when the key is not the one (or was damaged)."""
    data_key = open_blob(derive(secret, WRAP_PURPOSE), wrapped, part.key_id)
    return open_blob(data_key, part.sealed, part.key_id)
