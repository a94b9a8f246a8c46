"""Every rule of "a request is refused" has its cases in malformed.json; what is merely odd is in odd_but_valid.json."""

from __future__ import annotations

from typing import Any

import pytest

from bidder.openrtb.parts import RequestParts
from bidder.openrtb.request import MalformedRequestError, parse
from tests.fixtures.openrtb.build import body_of, load

MALFORMED = load("malformed.json")
ODD = load("odd_but_valid.json")


@pytest.mark.parametrize("case", MALFORMED, ids=[case["name"] for case in MALFORMED])
def test_a_malformed_request_is_refused_for_its_reason(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequestError) as refused:
        parse(body_of(case))
    assert refused.value.reason == case["reason"]


@pytest.mark.parametrize("case", ODD, ids=[case["name"] for case in ODD])
def test_an_odd_but_valid_request_is_read(case: dict[str, Any]) -> None:
    assert parse(body_of(case)).dropped == case["dropped"]


@pytest.mark.parametrize("case", ODD, ids=[case["name"] for case in ODD])
def test_an_odd_but_valid_request_can_be_forwarded_without_ids(case: dict[str, Any]) -> None:
    body = RequestParts.of(body_of(case)).shared_body(ids_allowed=False, schain_node=b'{"asi":"u"}')
    assert parse(body.for_dsp(50)).tmax == 50


def test_a_body_nested_too_deeply_is_refused() -> None:
    with pytest.raises(MalformedRequestError) as refused:
        parse(b'{"id":"r","z":' + b"[" * 100_000)
    assert refused.value.reason == "too_deep"


def test_a_bad_member_in_a_body_nested_too_deeply_is_refused() -> None:
    with pytest.raises(MalformedRequestError):
        parse(b'{"id":1,"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def test_a_relied_on_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(MalformedRequestError) as refused:
        parse(b'{"id":"\xff","imp":[]}')
    assert refused.value.reason == "not_utf8"


def test_more_bad_members_than_are_repaired_refuse_the_request() -> None:
    imps = [{"id": str(i), "banner": {"w": 1, "h": 1, "pos": "x"}} for i in range(17)]
    with pytest.raises(MalformedRequestError) as refused:
        parse(body_of({"set": {"imp": imps}}))
    assert refused.value.reason == "too_many_bad_members"


def large_body(bad_members: int) -> bytes:
    imps = [{"id": str(i), "banner": {"w": 1, "h": 1, "pos": "x"}} for i in range(bad_members)]
    return body_of({"set": {"imp": imps, "x": "x" * 32 * 1024}})


def test_a_large_body_is_repaired_three_times() -> None:
    assert parse(large_body(3)).dropped == 3


def test_a_large_body_is_repaired_no_more_often() -> None:
    with pytest.raises(MalformedRequestError, match="too_many_bad_members"):
        parse(large_body(4))


def test_the_place_of_what_is_malformed_is_named() -> None:
    with pytest.raises(MalformedRequestError) as refused:
        parse(body_of({"set": {"imp.1": {"id": "2"}}}))
    assert refused.value.where == "imp[1]"
