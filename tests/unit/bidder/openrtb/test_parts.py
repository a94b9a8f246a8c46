"""What DSPs get to see, and the audit's two halves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bidder.openrtb.anonymous import truncated_ip
from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.parts import RequestParts
from tests.fixtures.openrtb.build import changed

PERSONAL = {
    "device": {
        "ua": "Mozilla/5.0", "ip": "203.0.113.77", "ipv6": "2001:db8:1:2::7", "ifa": "ifa-1", "os": "iOS",
        "didsha1": "x", "ext": {"ifv": "y"},
        "geo": {"country": "USA", "lat": 12.34567, "lon": -1.23456, "zip": "10001", "accuracy": 5},
    },
    "user": {
        "id": "u-1", "buyeruid": "bu-1", "consent": "C", "eids": [{"source": "s"}], "yob": 1980,
        "ext": {"consent": "C5", "eids": [1]},
    },
}  # fmt: skip


def sent(
    changes: dict[str, Any] | None = None, *, ids_allowed: bool = True, node: bytes | None = None
) -> dict[str, Any]:
    parts = RequestParts.of(json.dumps(changed({**PERSONAL, **(changes or {})})).encode())
    body = parts.shared_body(ids_allowed=ids_allowed, schain_node=node).for_dsp(42)
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_dsp_is_told_the_time_that_is_left() -> None:
    assert sent()["tmax"] == 42


def test_unknown_members_are_forwarded_byte_by_byte() -> None:
    raw = json.dumps(changed())[:-1] + ', "x":{"n" : 1.10,"t":"\\u00e9"}}'
    body = RequestParts.of(raw.encode()).shared_body(ids_allowed=True).for_dsp(1)
    assert b'"x":{"n" : 1.10,"t":"\\u00e9"}' in body


def test_with_consent_the_users_id_goes_on() -> None:
    assert sent()["user"]["id"] == "u-1"


def test_the_exchanges_id_for_us_never_goes_on() -> None:
    assert "buyeruid" not in sent()["user"]


def test_with_consent_the_device_goes_on_untouched() -> None:
    assert sent()["device"] == PERSONAL["device"]


def test_without_consent_only_consent_is_left_of_the_user() -> None:
    assert sent(ids_allowed=False)["user"] == {"consent": "C", "ext": {"consent": "C5"}}


def test_without_consent_no_id_of_the_device_goes_on() -> None:
    assert {"ifa", "didsha1", "ext"}.isdisjoint(sent(ids_allowed=False)["device"])


def test_without_consent_addresses_are_truncated() -> None:
    device = sent(ids_allowed=False)["device"]
    assert (device["ip"], device["ipv6"]) == ("203.0.113.0", "2001:db8:1::")


def test_without_consent_geo_is_rounded() -> None:
    assert sent(ids_allowed=False)["device"]["geo"] == {
        "country": "USA",
        "lat": 12.35,
        "lon": -1.23,
    }


def test_an_address_that_is_none_is_left_out() -> None:
    assert truncated_ip("not an address") == ""


NODE = b'{"asi":"us.example","sid":"7"}'


def test_our_node_is_appended_to_the_chain() -> None:
    chain = {"complete": 1, "ver": "1.0", "nodes": [{"asi": "a", "sid": "1"}]}
    nodes = sent({"source": {"schain": chain}}, node=NODE)["source"]["schain"]["nodes"]
    assert [node["asi"] for node in nodes] == ["a", "us.example"]


def test_a_chain_of_2_5_is_extended_where_it_is() -> None:
    chain = {"complete": 1, "nodes": [{"asi": "a", "sid": "1"}]}
    source = sent({"source": {"tid": "t", "ext": {"schain": chain}}}, node=NODE)["source"]
    assert [node["asi"] for node in source["ext"]["schain"]["nodes"]] == ["a", "us.example"]


def test_without_a_chain_ours_begins_one_that_is_not_complete() -> None:
    assert sent(node=NODE)["source"]["schain"]["complete"] == 0


def test_the_public_half_names_nobody() -> None:
    parts = RequestParts.of(json.dumps(changed({**PERSONAL, "ext": {}, "odd": 1})).encode())
    assert set(json.loads(parts.public_bytes())) == {"id", "imp", "site", "at", "tmax"}


def test_the_personal_half_is_the_rest() -> None:
    parts = RequestParts.of(json.dumps(changed({**PERSONAL, "ext": {}, "odd": 1})).encode())
    assert set(json.loads(parts.personal_bytes())) == {"device", "user", "ext", "odd"}


@pytest.mark.parametrize("nodes", ["a", {}, None, 7])
def test_nodes_that_are_no_list_make_ours_the_first(nodes: object) -> None:
    chain = sent({"source": {"schain": {"complete": 1, "nodes": nodes}}}, node=NODE)["source"]
    assert chain["schain"]["nodes"] == [json.loads(NODE)]
    assert chain["schain"]["complete"] == 0


@pytest.mark.parametrize("schain", ["a", [], None, 7])
def test_a_chain_that_is_no_object_is_begun_anew(schain: object) -> None:
    found = sent({"source": {"schain": schain}}, node=NODE)["source"]["schain"]
    assert found["nodes"] == [json.loads(NODE)]


@pytest.mark.parametrize("lat", [b"1e400", b"-1e400", b"1" + b"0" * 400, b"181", b'"12.3"', b"{}"])
def test_without_consent_a_latitude_that_is_none_is_left_out(lat: bytes) -> None:
    raw = b'{"id":"r","device":{"geo":{"country":"USA","lat":%b,"lon":1.234}}}' % lat
    body = RequestParts.of(raw).shared_body(ids_allowed=False).for_dsp(1)
    assert json.loads(body)["device"]["geo"] == {"country": "USA", "lon": 1.23}


def test_without_consent_an_address_of_the_wrong_type_is_left_out() -> None:
    raw = b'{"id":"r","device":{"os":"iOS","ip":1e400}}'
    body = RequestParts.of(raw).shared_body(ids_allowed=False).for_dsp(1)
    assert json.loads(body)["device"] == {"os": "iOS"}


def test_a_members_name_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(MalformedRequestError):
        RequestParts.of(b'{"id":"r","\xff":1}')
