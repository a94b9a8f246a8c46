"""Bytes become a valid request, or an end with the request's id where it can be read."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from bidder.edge.receive import receive
from bidder.passage import Arrival, End, Passage
from tests.fixtures.openrtb.build import changed

BYTES_MAX = 64 * 1024
GOOD = json.dumps(changed()).encode()


def received(raw: bytes, encoding: str = "", *, too_large: bool = False) -> tuple[Passage, End]:
    arrival = Arrival("adx", "k", True, encoding, raw, 0.0, 0, too_large)
    passage = Passage(arrival, b"e" * 16)
    end = receive(passage, BYTES_MAX, 5)
    assert end is not None
    return passage, end


def test_a_good_request_has_its_parts() -> None:
    passage = Passage(Arrival("adx", "k", True, "", GOOD, 0.0, 0), b"e" * 16)
    assert receive(passage, BYTES_MAX, 5) is None
    assert passage.request is not None
    assert passage.parts is not None


def test_a_body_with_text_beyond_ascii_is_read() -> None:
    raw = GOOD[:-1] + ',"é":"ü"}'.encode()
    passage = Passage(Arrival("adx", "k", True, "", raw, 0.0, 0), b"e" * 16)
    assert receive(passage, BYTES_MAX, 5) is None


@pytest.mark.parametrize(
    "member",
    [
        b'"\xff":1',
        b'"x":"\xff"',
        b'"x":{"\xff":1}',
        b'"user":{"id":"\xff"}',
        b'"ext":{"x":"\xed\xa0\x80"}',
    ],
)
def test_bytes_that_are_not_utf8_are_malformed_wherever_they_are(member: bytes) -> None:
    passage, end = received(GOOD[:-1] + b"," + member + b"}")
    assert (end.outcome, end.status, end.reason) == ("malformed", 400, "not_utf8")
    assert passage.request_id == "req-1"


@pytest.mark.parametrize(
    ("raw", "encoding", "status"),
    [
        (GOOD[:-9], "", 400),
        (GOOD + b" " * BYTES_MAX, "", 413),
        (gzip.compress(GOOD + b" " * BYTES_MAX, mtime=0), "gzip", 413),
        (zlib.compress(GOOD + b" " * BYTES_MAX), "deflate", 413),
        (gzip.compress(GOOD, mtime=0)[:-8], "gzip", 400),
        (GOOD, "br", 415),
    ],
)
def test_a_refused_body_has_its_id(raw: bytes, encoding: str, status: int) -> None:
    passage, end = received(raw, encoding)
    assert (end.status, passage.request_id) == (status, "req-1")


def test_a_body_that_was_not_read_to_its_end_has_its_id() -> None:
    passage, end = received(GOOD[:100], too_large=True)
    assert (end.status, passage.request_id) == (413, "req-1")


def test_an_undecodable_body_has_none() -> None:
    passage, end = received(b"\x00\x01", "gzip")
    assert (end.status, passage.request_id) == (400, "")


def test_an_id_of_512_characters_is_taken() -> None:
    raw = json.dumps(changed({"id": "x" * 512})).encode()
    passage = Passage(Arrival("adx", "k", True, "", raw, 0.0, 0), b"e" * 16)
    assert receive(passage, BYTES_MAX, 5) is None


def test_a_longer_id_is_refused_with_a_sentence() -> None:
    _, end = received(json.dumps(changed({"id": "x" * 513})).encode())
    assert end.status == 400
    assert "a request's id has at most 512 characters" in end.reason


def test_more_than_100_imps_are_refused_with_a_sentence() -> None:
    imps = [{"id": str(i), "banner": {"w": 1, "h": 1}} for i in range(101)]
    _, end = received(json.dumps(changed({"imp": imps})).encode())
    assert end.status == 400
    assert "a request has at most 100 imps, this one 101" in end.reason


def test_100_imps_are_taken() -> None:
    imps = [{"id": str(i), "banner": {"w": 1, "h": 1}} for i in range(100)]
    raw = json.dumps(changed({"imp": imps})).encode()
    passage = Passage(Arrival("adx", "k", True, "", raw, 0.0, 0), b"e" * 16)
    assert receive(passage, BYTES_MAX, 5) is None
