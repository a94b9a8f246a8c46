"""Every request leaves an event, whatever state it ended in."""

from __future__ import annotations

import pytest

from bidder.passage import Arrival, End, Passage
from bidder.record import Recorder
from rtbplatform.kernel.events import AuctionEvent, SubjectPart, decode_event
from rtbplatform.kernel.subject import open_subject
from tests.fixtures.openrtb.build import SECRET, request

END = End("malformed", 400, "not_utf8")


def passage_of(raw: bytes, exchange: str = "adx") -> Passage:
    passage = Passage(Arrival(exchange, "k", True, "", raw, 0.0, 0), b"e" * 16)
    passage.request_id = "r"
    return passage


def event_of(passage: Passage) -> AuctionEvent:
    event = decode_event(Recorder(SECRET, "eu", "p", 0).event(passage, END))
    assert isinstance(event, AuctionEvent)
    return event


def plain_of(passage: Passage) -> bytes:
    part = passage.subject_part
    assert isinstance(part, SubjectPart)
    return open_subject(SECRET, passage.subject_keys[0].wrapped, part)


@pytest.mark.parametrize("raw", [b"", b"\xff\x00", b"x" * 100_000])
def test_a_body_that_was_not_read_leaves_an_event(raw: bytes) -> None:
    assert event_of(passage_of(raw)).request_id == "r"


def test_of_a_request_without_its_parts_the_body_is_sealed() -> None:
    passage = passage_of(b"the body")
    passage.request = request()
    assert event_of(passage).request == b""
    assert plain_of(passage) == b"the body"


def test_an_exchange_whose_name_is_not_utf8_leaves_an_event() -> None:
    assert event_of(passage_of(b"x", "ad\udcff")).exchange == "ad?"
