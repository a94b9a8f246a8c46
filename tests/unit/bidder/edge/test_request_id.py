"""A request that cannot be read is still found by its id, where the id can be read."""

import pytest

from bidder.edge.request_id import request_id_of


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"r-1","imp":[]}',
        b'{"id":"r-1","imp":[{"id":"1"},',
        b'{"imp":[{"id":"1","x":{"id":"2"}}],"id" : "r-1","at":',
        b'{"x":"\\"id\\":\\"no\\" {[","id":"r-1"',
        b'{"id":"r-1","z":' + b"[" * 100_000,
        b'{"id":"r-1","z":"\xff"}',
        b'{"id":"r-1"} and more',
        b'{"id":"r\\u002d1"',
    ],
)
def test_the_outermost_id_is_found(body: bytes) -> None:
    assert request_id_of(body) == "r-1"


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b'{"id":"r-', b'{"imp":[{"id":"1"}]', b'{"id":nu', b'{"id":12', b"}}}}"],
)
def test_what_is_not_there_or_cut_off_is_not_found(body: bytes) -> None:
    assert request_id_of(body) == ""


def test_an_id_that_is_a_number_is_found_as_its_digits() -> None:
    assert request_id_of(b'{"id":123,"imp":[]}') == "123"


def test_an_id_that_is_not_utf8_is_found_with_its_damage_marked() -> None:
    assert request_id_of(b'{"id":"r\xff1"}') == "r\ufffd1"


def test_only_the_beginning_of_damaged_bodies_is_searched() -> None:
    assert request_id_of(b'{"x":"' + b"x" * 5000 + b'","id":"r-1"') == ""


def test_a_very_long_id_is_cut() -> None:
    assert request_id_of(b'{"id":"' + b"x" * 2000 + b'"}') == "x" * 512
