"""Decodes request and answer bodies with bounded memory: a gzip bomb stops at the limit, not after it."""

from __future__ import annotations

import zlib

GZIP_WBITS = 31
ZLIB_WBITS = 15
RAW_DEFLATE_WBITS = -15
ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")


class BodyError(Exception):
    """A body that cannot be used, with the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def decode_body(raw: bytes, encoding: str, bytes_max: int) -> bytes:
    """The plain body. Raises BodyError: 415 unknown encoding, 413 above `bytes_max`, 400 damaged."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        if len(raw) > bytes_max:
            raise BodyError(413, f"body above {bytes_max} bytes")
        return raw
    if encoding in {"gzip", "x-gzip"}:
        return _inflate(raw, GZIP_WBITS, bytes_max)
    if encoding == "deflate":
        return _inflate(raw, _deflate_wbits(raw), bytes_max)
    raise BodyError(415, f"unknown content encoding {encoding[:40]!r}")


def beginning_of(raw: bytes, encoding: str, bytes_max: int) -> bytes:
    """The first `bytes_max` plain bytes of a body that `decode_body` refuses, or as many as can be had. Never raises."""
    encoding = encoding.strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        return _inflated_beginning(raw, GZIP_WBITS, bytes_max)
    if encoding == "deflate":
        return _inflated_beginning(raw, _deflate_wbits(raw), bytes_max)
    return raw[:bytes_max]


def _inflated_beginning(raw: bytes, wbits: int, bytes_max: int) -> bytes:
    try:
        return zlib.decompressobj(wbits).decompress(raw[:bytes_max], bytes_max)
    except zlib.error:
        return b""


def _deflate_wbits(raw: bytes) -> int:
    # RFC 9110 means zlib's format; old clients send raw deflate. zlib's header tells them apart.
    zlib_header = len(raw) >= 2 and raw[0] & 0x0F == 8 and (raw[0] << 8 | raw[1]) % 31 == 0
    return ZLIB_WBITS if zlib_header else RAW_DEFLATE_WBITS


def _inflate(raw: bytes, wbits: int, bytes_max: int) -> bytes:
    decoder = zlib.decompressobj(wbits)
    try:
        plain = decoder.decompress(raw, bytes_max + 1)
    except zlib.error as error:
        raise BodyError(400, f"compressed body does not decode: {error}") from error
    if len(plain) > bytes_max:
        raise BodyError(413, f"decoded body above {bytes_max} bytes")
    if not decoder.eof:
        raise BodyError(400, "compressed body is truncated")
    if decoder.unused_data:
        raise BodyError(400, "bytes after the end of the compressed body")
    return plain
