"""Bodies are decoded within a limit, and what cannot be decoded has the right status."""

import gzip
import zlib

import pytest

from bidder.edge.body import BodyError, decode_body

PLAIN = b'{"id":"1"}' * 10


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        ("GZIP ", gzip.compress(PLAIN, mtime=0)),
        ("x-gzip", gzip.compress(PLAIN, mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compressobj(wbits=-15).compress(b"") + zlib.compress(PLAIN)[2:-4]),
    ],
)
def test_known_encodings_are_decoded(encoding: str, raw: bytes) -> None:
    assert decode_body(raw, encoding, 1000) == PLAIN


@pytest.mark.parametrize(
    ("encoding", "raw", "status"),
    [
        ("br", PLAIN, 415),
        ("gzip, gzip", gzip.compress(PLAIN, mtime=0), 415),
        ("gzip", PLAIN, 400),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-9], 400),
        ("gzip", gzip.compress(PLAIN, mtime=0) + b"more", 400),
        ("gzip", b"", 400),
        ("deflate", b"\xff\xff\xff", 400),
        ("", b"x" * 1001, 413),
        ("gzip", gzip.compress(b"x" * 1001, mtime=0), 413),
        ("deflate", zlib.compress(b"x" * 1001), 413),
    ],
)
def test_what_cannot_be_used_is_refused(encoding: str, raw: bytes, status: int) -> None:
    with pytest.raises(BodyError) as refused:
        decode_body(raw, encoding, 1000)
    assert refused.value.status == status


def test_a_body_exactly_at_the_limit_passes() -> None:
    assert decode_body(gzip.compress(b"x" * 1000, mtime=0), "gzip", 1000) == b"x" * 1000


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9, mtime=0)
    with pytest.raises(BodyError) as refused:
        decode_body(bomb, "gzip", 256 * 1024)
    assert refused.value.status == 413
