"""Who may be recognised, and by what."""

from typing import Any

import msgspec
import pytest

from bidder.enrich.consent import ids_allowed
from bidder.enrich.people import address_of, identifier_of
from bidder.enrich.redis_address import encode_command, parse_redis_url
from bidder.openrtb.model import BidRequest
from bidder.openrtb.request import parse
from rtbplatform.kernel.subject import subject_hash


def request(**fields: Any) -> BidRequest:
    base = {"id": "1", "imp": [{"id": "1", "banner": {"w": 1, "h": 1}}], "site": {"id": "s"}}
    return parse(msgspec.json.encode({**base, **fields}))


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),
        ({"regs": {}}, True),
        ({"regs": {"coppa": 1}}, False),
        ({"regs": {"gdpr": 1}}, False),
        ({"regs": {"gdpr": 1}, "user": {"consent": "CPabc"}}, True),
        ({"regs": {"gdpr": 1}, "user": {"consent": ""}}, False),
        ({"regs": {"gdpr": 0}}, True),
        ({"regs": {"ext": {"gdpr": 1}}}, False),
        ({"regs": {"ext": {"gdpr": 1}}, "user": {"ext": {"consent": "CPabc"}}}, True),
        ({"device": {"lmt": 1}}, False),
        ({"regs": {"us_privacy": "1YYN"}}, False),
        ({"regs": {"us_privacy": "1YNN"}}, True),
        ({"regs": {"us_privacy": "1---"}}, True),
    ],
)
def test_ids_are_used_only_where_nothing_forbids_it(fields: dict[str, Any], allowed: bool) -> None:  # noqa: FBT001
    assert ids_allowed(request(**fields)) is allowed


@pytest.mark.parametrize(
    ("fields", "identifier"),
    [
        ({}, ""),
        ({"user": {"id": "7"}}, "demo:7"),
        ({"user": {"id": "7", "buyeruid": "b"}}, "buyer:b"),
        ({"user": {"id": "7"}, "device": {"ifa": "AB-1"}}, "ifa:ab-1"),
        ({"device": {"ifa": "00000000-0000-0000-0000-000000000000"}}, ""),
    ],
)
def test_the_steadiest_id_is_taken(fields: dict[str, Any], identifier: str) -> None:
    assert identifier_of(request(**fields), "demo") == identifier


def test_an_address_is_the_ipv4_or_else_the_ipv6() -> None:
    assert address_of(request(device={"ip": "192.0.2.1", "ipv6": "2001:db8::1"})) == "ip:192.0.2.1"
    assert address_of(request(device={"ipv6": "2001:db8::1"})) == "ip:2001:db8::1"
    assert not address_of(request())


def test_ids_of_two_exchanges_are_two_people() -> None:
    key = bytes(32)
    one = request(user={"id": "7"})
    assert subject_hash(key, identifier_of(one, "a")) != subject_hash(key, identifier_of(one, "b"))


def test_redis_urls_are_read() -> None:
    address = parse_redis_url("redis://:p%40ss@cache.example:7000/3")
    assert (address.host, address.port, address.greeting_replies) == ("cache.example", 7000, 2)
    assert address.greeting == encode_command(b"AUTH", b"p@ss") + encode_command(b"SELECT", b"3")
    assert parse_redis_url("unix:///run/redis.sock?db=1").path == "/run/redis.sock"
    assert parse_redis_url("rediss://cache.example").tls is not None
    with pytest.raises(ValueError, match="must start with"):
        parse_redis_url("http://cache.example")
