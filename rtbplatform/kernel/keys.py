"""Secrets: keys derived by purpose from the platform's one master secret, MACs, and sealed blobs."""

from __future__ import annotations

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAC_BYTES = 16
NONCE_BYTES = 12


class SealError(ValueError):
    """A sealed blob or MAC that was not made with this key, or was changed since."""


def derive(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF's expand step with SHA-256, RFC 5869, one block).

    The master secret is a random string of at least 32 characters, so HKDF's extract step adds nothing.
    """
    return hmac.digest(secret.encode(), purpose.encode() + b"\x01", "sha256")


def mac(key: bytes, body: bytes) -> bytes:
    """The first 16 bytes of HMAC-SHA256."""
    return hmac.digest(key, body, "sha256")[:MAC_BYTES]


def sign_mail(key: bytes, body: bytes) -> bytes:
    """A message with its MAC in front, for mailboxes that others can write to."""
    return mac(key, body) + body


def open_mail(key: bytes, mail: bytes) -> bytes:
    """The body of a signed message. Raises SealError."""
    body = mail[MAC_BYTES:]
    if not hmac.compare_digest(mail[:MAC_BYTES], mac(key, body)):
        raise SealError("message authentication failed")
    return body


def seal_blob(key: bytes, plain: bytes, context: bytes = b"") -> bytes:
    """AES-256-GCM with a random nonce in front. `context` is authenticated, not stored."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def open_blob(key: bytes, sealed: bytes, context: bytes = b"") -> bytes:
    """What `seal_blob` sealed. Raises SealError."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealError("sealed blob does not open with this key") from error


def exchange_key_hash(key: str) -> bytes:
    """How an exchange's API key is stored and compared: SHA-256 (keys are random, 256 bits)."""
    return sha256(key.encode()).digest()


def answer_signing_key(secret: str, exchange_slug: str, version: int) -> bytes:
    """The key an exchange verifies our answers with; shown to it once, derived here so that none is stored."""
    return derive(secret, f"answer-signature/{exchange_slug}/{version}")


def sign_answer(key: bytes, request_id: str, body: bytes) -> str:
    """Hex HMAC-SHA256 over ``request id, newline, body``: the value of the answer's signature header."""
    return hmac.new(key, request_id.encode() + b"\n" + body, sha256).hexdigest()
