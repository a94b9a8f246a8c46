"""The generated requests obey OpenRTB 2.6 and can be repeated."""

import ipaddress
from typing import Any

import msgspec
import pytest

from rtbplatform.local.traffic import KINDS, Kind, Traffic


def sample(kind: Kind | None = None, count: int = 200) -> list[dict[str, Any]]:
    traffic = Traffic(seed=7)
    return [msgspec.json.decode(traffic.make(number, kind).body) for number in range(count)]


def test_the_same_seed_and_number_make_the_same_request() -> None:
    assert Traffic(seed=3).make(5).body == Traffic(seed=3).make(5).body


def test_another_seed_makes_another_request() -> None:
    assert Traffic(seed=3).make(5).body != Traffic(seed=4).make(5).body


def test_request_ids_are_unique() -> None:
    assert len({request["id"] for request in sample()}) == 200


def test_every_kind_occurs() -> None:
    traffic = Traffic(seed=1)
    assert {traffic.make(number).kind for number in range(100)} == set(KINDS)


def test_both_auction_types_occur() -> None:
    assert {request["at"] for request in sample()} == {1, 2}


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_one_of_site_and_app_is_there(kind: Kind) -> None:
    assert all(("site" in request) != ("app" in request) for request in sample(kind))


def test_display_is_one_banner_on_a_site() -> None:
    assert all([*request["imp"][0]].count("banner") == 1 for request in sample("site"))


def test_apps_offer_a_banner_and_a_video() -> None:
    assert all(
        "banner" in request["imp"][0] and "video" in request["imp"][1] for request in sample("app")
    )


def test_ctv_offers_one_video_on_a_television() -> None:
    assert all(
        "video" in request["imp"][0] and request["device"]["devicetype"] == 3
        for request in sample("ctv")
    )


def test_imp_ids_of_a_request_differ() -> None:
    assert all(
        len({imp["id"] for imp in request["imp"]}) == len(request["imp"]) for request in sample()
    )


def test_addresses_are_public() -> None:
    assert all(ipaddress.ip_address(request["device"]["ip"]).is_global for request in sample())


def test_tmax_leaves_time_for_an_auction() -> None:
    assert all(100 <= request["tmax"] <= 120 for request in sample())
