"""Tier 1: what is blocked, what is only odd, what passes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fraud.screen.rules import Screen
from fraud.screen.traffic import Traffic
from rtbplatform.kernel.snapshot import BlockView

NOW_MS = 1000
CLEAN = Traffic(
    ip="198.51.100.7", user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)", os="iOS",
    domain="news.example.com", publisher="Pub1", user="ab12",
)  # fmt: skip


def screened(blocks: list[tuple[Any, ...]], **changes: Any) -> Any:
    screen = Screen.compile([BlockView(*block) for block in blocks], {})
    return screen.before_enrich(msgspec.structs.replace(CLEAN, **changes), NOW_MS)


def test_clean_traffic_passes() -> None:
    assert screened([]) is None


BLOCKED = [
    (("ip", "198.51.100.7", 4), {}),
    (("ip", "198.51.100.0/24", 4), {}),
    (("ip", "198.51.100.7/24", 4), {}),
    (("ip", "2001:db8::/32", 4), {"ip": "", "ipv6": "2001:db8:1::5"}),
    (("ip", "2001:db8::/32", 4), {"ip": "2001:db8:1::5"}),
    (("ip", "198.51.100.7", 4), {"ip": "::ffff:198.51.100.7"}),
    (("datacenter", "198.51.0.0/16", 5), {}),
    (("datacenter", "0.0.0.0/0", 5), {}),
    (("user_agent", "iphone; cpu", 4), {}),
    (("user_agent", "a.b(c", 4), {"user_agent": "Mozilla A.B(C)"}),
    (("domain", "news.example.com", 7), {}),
    (("domain", "EXAMPLE.com", 7), {}),
    (("bundle", "com.Bad", 7), {"bundle": "com.bad"}),
    (("publisher", "Pub1", 7), {}),
    (("user", "AB12", 4), {}),
    (("domain", "example.com", 7, "", NOW_MS + 1), {}),
    (("ip", "198.51.100.7", 4, "", NOW_MS + 1), {}),
    (("user_agent", "iphone", 4, "", NOW_MS + 1), {}),
]


@pytest.mark.parametrize(("block", "changes"), BLOCKED)
def test_what_is_on_a_list_is_blocked(block: tuple[Any, ...], changes: dict[str, Any]) -> None:
    found = screened([block], **changes)
    assert (found.blocked, found.nbr) == (True, block[2])


PASSED = [
    ("ip", "198.51.100.8", 4),
    ("ip", "198.51.101.0/24", 4),
    ("ip", "not an address", 4),
    ("datacenter", "2001:db8::/32", 5),
    ("user_agent", "android", 4),
    ("user_agent", "", 4),
    ("domain", "ample.com", 7),
    ("domain", "x.news.example.com", 7),
    ("publisher", "pub1", 7),
    ("user", "ab13", 4),
    ("unheard_of", "198.51.100.7", 4),
    ("ip", "198.51.100.7", 4, "", NOW_MS),
    ("domain", "example.com", 7, "", NOW_MS),
    ("user_agent", "iphone", 4, "", NOW_MS),
]


@pytest.mark.parametrize("block", PASSED)
def test_what_only_looks_like_it_passes(block: tuple[Any, ...]) -> None:
    assert screened([block]) is None


def test_a_lasting_block_outlives_an_expired_one_within_it() -> None:
    wide, expired = ("ip", "198.51.100.0/24", 4), ("ip", "198.51.100.7", 5, "", NOW_MS)
    assert screened([wide, expired]).nbr == 4


def test_an_expired_copy_of_a_block_does_not_lift_it() -> None:
    lasting, expired = ("ip", "198.51.100.7", 4), ("ip", "198.51.100.7", 5, "", NOW_MS)
    assert screened([lasting, expired]).nbr == 4


def test_the_narrowest_block_is_named() -> None:
    blocks = [("datacenter", "198.51.0.0/16", 5), ("ip", "198.51.100.7", 4)]
    assert screened(blocks).verdict.rules == ["ip:198.51.100.7"]


@pytest.mark.parametrize(
    ("agent", "nbr"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", 3),
        ("Mozilla/5.0 HeadlessChrome/119", 4),
        ("curl/8.0", 4),
    ],
)
def test_bots_that_say_so_are_blocked_without_a_list(agent: str, nbr: int) -> None:
    assert screened([], user_agent=agent).nbr == nbr


def test_a_gap_in_the_supply_chain_is_nbr_16() -> None:
    assert screened([], schain_gap=True).nbr == 16


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"user_agent": ""}, "no_user_agent"),
        ({"os": "Android"}, "os_contradicts_agent"),
        ({"lat": 90.01}, "impossible_latitude"),
        ({"lon": -180.5}, "impossible_longitude"),
        ({"width": 100_000}, "impossible_screen"),
        ({"ip": "192.168.1.1"}, "unroutable_address"),
        ({"ip": "127.0.0.1"}, "unroutable_address"),
        ({"ip": "999.1.1.1"}, "unroutable_address"),
    ],
)
def test_what_no_honest_device_says_is_flagged_not_blocked(
    changes: dict[str, Any], rule: str
) -> None:
    found = screened([], **changes)
    assert (found.blocked, found.verdict.verdict, found.verdict.rules) == (False, "flagged", [rule])


def velocity(limits: dict[str, int], counts: dict[str, int]) -> Any:
    return Screen.compile([], limits).after_enrich(counts)


def test_as_many_requests_as_allowed_pass() -> None:
    assert velocity({"ip": 60}, {"ip": 60}) is None


def test_one_request_more_is_blocked() -> None:
    assert velocity({"ip": 60}, {"ip": 61}).verdict.rules == ["velocity:ip"]


def test_velocity_has_a_no_bid_reason_of_ours() -> None:
    assert velocity({"ip": 60}, {"ip": 61}).nbr == 508


def test_a_kind_without_a_limit_is_not_checked() -> None:
    assert velocity({"ip": 60}, {"user": 1000}) is None


def test_counts_that_are_not_known_block_nobody() -> None:
    assert velocity({"ip": 60}, {}) is None


def test_an_agent_is_judged_the_same_the_second_time() -> None:
    screen = Screen.compile([BlockView("user_agent", "iphone", 4, "", NOW_MS + 1)], {})
    first, later = screen.before_enrich(CLEAN, NOW_MS), screen.before_enrich(CLEAN, NOW_MS + 1)
    assert (first is not None, later) == (True, None)
