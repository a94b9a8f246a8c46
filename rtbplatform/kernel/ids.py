"""Identifiers: UUIDv7 as 16 bytes (RFC 9562, section 5.7) and stable 64-bit hashes."""

from __future__ import annotations

import os
import uuid
from hashlib import blake2b


def uuid7(now_ms: int) -> bytes:
    """A UUIDv7 as 16 bytes; `now_ms` is Unix time in milliseconds. Sorts by time, 74 random bits."""
    random = bytearray(os.urandom(10))
    random[0] = random[0] & 0x0F | 0x70
    random[2] = random[2] & 0x3F | 0x80
    return now_ms.to_bytes(6, "big") + bytes(random)


def uuid_text(raw: bytes) -> str:
    """The usual 36-character text of a 16-byte UUID."""
    return str(uuid.UUID(bytes=raw))


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID's text. Raises ValueError when it is not a UUID."""
    return uuid.UUID(text).bytes


def hash64(text: str) -> int:
    """A stable signed 64-bit hash of a text: what the audit index stores for a request id."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
