"""Which own campaigns bid: every line of targeting, the creative's fit, the moment, the money."""

from __future__ import annotations

from typing import Any

import pytest

from bidder.auction.bid import Bid
from bidder.demand.campaigns import BIDS_PER_ADVERTISER_MAX, BIDS_PER_IMP_MAX
from bidder.demand.context import BidContext
from bidder.market import Market
from rtbplatform.kernel.snapshot import FrequencyCap
from tests.fixtures.openrtb.build import campaign, creative, market, request

RICH = dict.fromkeys(range(1, 100), 10**12)


def match(
    place: Market,
    changes: dict[str, Any] | None = None,
    remove: list[str] | None = None,
    participation: dict[int, float] | None = None,
    **context: Any,
) -> list[Bid]:
    defaults: dict[str, Any] = {"now_ms": 1000, "exchange": 1, "fundable": RICH}
    return place.own.match(
        request(changes, remove), 0, BidContext(**(defaults | context)), participation or {}
    )


def targeted(**targeting: Any) -> Market:
    return market([campaign(targeting=targeting)], [creative()])


APP = {"app": {"id": "a", "bundle": "com.game", "cat": ["IAB9-30"], "publisher": {"id": "p1"}}}
TARGETING = [
    ({"countries": ["USA"]}, {}, True),
    ({"countries": ["DEU"]}, {}, False),
    ({"countries": ["USA"]}, {"device.geo": {"country": "usa"}}, True),
    ({"countries": ["USA"]}, {"device.geo": {}}, False),
    ({"not_countries": ["USA"]}, {}, False),
    ({"not_countries": ["DEU"]}, {}, True),
    ({"not_countries": ["DEU"]}, {"device.geo": {}}, True),
    ({"device_types": [4]}, {"device.devicetype": 4}, True),
    ({"device_types": [4]}, {"device.devicetype": 2}, False),
    ({"device_types": [4]}, {}, False),
    ({"os": ["ios"]}, {"device.os": "iOS"}, True),
    ({"os": ["ios"]}, {"device.os": "Android"}, False),
    ({"domains": ["example.com"]}, {}, True),
    ({"domains": ["example.com"]}, {"site.domain": "news.Example.com"}, True),
    ({"domains": ["example.com"]}, {"site.domain": "notexample.com"}, False),
    ({"not_domains": ["example.com"]}, {"site.domain": "news.example.com"}, False),
    ({"not_domains": ["example.com"]}, {"site.domain": "other.com"}, True),
    ({"bundles": ["com.game"]}, {}, False),
    ({"categories": ["IAB1"]}, {"site.cat": ["IAB1-2"]}, True),
    ({"categories": ["IAB1-2"]}, {"site.cat": ["IAB1"]}, False),
    ({"categories": ["IAB1"]}, {"site.cat": ["IAB2", "IAB1"]}, True),
    ({"not_categories": ["IAB1"]}, {"site.cat": ["IAB2", "IAB1-5"]}, False),
    ({"publishers": ["p1"]}, {"site.publisher": {"id": "p1"}}, True),
    ({"publishers": ["p1"]}, {}, False),
    ({"not_publishers": ["p1"]}, {"site.publisher": {"id": "p1"}}, False),
    ({"exchanges": [1]}, {}, True),
    ({"exchanges": [2]}, {}, False),
    ({"formats": ["banner"]}, {}, True),
    ({"formats": ["video"]}, {}, False),
    ({"countries": ["USA"], "device_types": [4]}, {"device.devicetype": 2}, False),
]


@pytest.mark.parametrize(
    ("zone", "hours", "bids"),
    [
        ("UTC", [3 * 24], True),  # 1970-01-01 00:00:01 was a Thursday
        ("UTC", [3 * 24 + 1], False),
        ("Europe/London", [3 * 24 + 1, 7], True),  # an hour ahead all that year
        ("America/New_York", [2 * 24 + 19], True),
        ("Not/AZone", list(range(168)), False),
    ],
)
def test_a_campaign_bids_in_its_hours_of_the_week(
    zone: str, hours: list[int], *, bids: bool
) -> None:
    place = market([campaign(targeting={"hours": hours}, time_zone=zone)], [creative()])
    assert bool(match(place)) is bids


def test_hours_change_while_a_snapshot_is_in_force() -> None:
    place = targeted(hours=[3 * 24 + 1])
    assert [bool(match(place, now_ms=hour * 3_600_000)) for hour in (0, 1, 2)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("targeting", "changes", "bids"), TARGETING)
def test_targeting_includes_and_excludes(
    targeting: dict[str, Any], changes: dict[str, Any], *, bids: bool
) -> None:
    assert bool(match(targeted(**targeting), changes)) is bids


@pytest.mark.parametrize(
    ("targeting", "bids"),
    [
        ({"bundles": ["com.game"]}, True),
        ({"not_bundles": ["com.game"]}, False),
        ({"categories": ["IAB9"]}, True),
        ({"publishers": ["p1"]}, True),
    ],
)
def test_targeting_of_apps(targeting: dict[str, Any], *, bids: bool) -> None:
    assert bool(match(targeted(**targeting), APP, ["site"])) is bids


def test_a_segment_that_the_user_has() -> None:
    assert match(targeted(segments=["cars"]), segments=["sports", "cars"])


def test_a_segment_that_the_user_lacks() -> None:
    assert not match(targeted(segments=["cars"]), segments=["sports"])


VIDEO = {"id": "1", "video": {"mimes": ["video/mp4"], "minduration": 10, "maxduration": 30}}
SPOT = {"format": "video", "width": 0, "height": 0, "mimes": ["video/mp4"], "duration_s": 20}
FITS = [
    ({}, {}, True),
    ({"width": 728, "height": 90}, {}, False),
    ({"width": 728, "height": 90}, {"imp.0.banner.format": [{"w": 728, "h": 90}]}, True),
    ({"width": 320, "height": 180}, {"imp.0.banner": {"format": [{"wmin": 300, "wratio": 16, "hratio": 9}]}}, True),
    ({"width": 160, "height": 90}, {"imp.0.banner": {"format": [{"wmin": 300, "wratio": 16, "hratio": 9}]}}, False),
    ({"width": 320, "height": 480}, {"imp.0": {"id": "1", "instl": 1, "banner": {}}, "device.w": 320, "device.h": 480}, True),
    ({"width": 768, "height": 1024}, {"imp.0": {"id": "1", "instl": 1, "banner": {}}, "device.w": 320, "device.h": 480}, False),
    ({"secure": False}, {}, True),
    ({"secure": False}, {"imp.0.secure": 1}, False),
    ({"attributes": [8]}, {"imp.0.banner.battr": [8]}, False),
    ({"attributes": [8]}, {"imp.0.banner.battr": [9]}, True),
    ({"mimes": ["image/webp"]}, {"imp.0.banner.mimes": ["image/png"]}, False),
    ({"mimes": ["image/png"]}, {"imp.0.banner.mimes": ["image/png"]}, True),
    ({"apis": [5]}, {"imp.0.banner.api": [3]}, False),
    ({"language": "de"}, {"wlang": ["en"]}, False),
    (SPOT, {}, False),
    (SPOT, {"imp.0": VIDEO}, True),
    (SPOT | {"mimes": ["video/webm"]}, {"imp.0": VIDEO}, False),
    (SPOT | {"duration_s": 31}, {"imp.0": VIDEO}, False),
    (SPOT | {"duration_s": 9}, {"imp.0": VIDEO}, False),
    (SPOT | {"protocols": [7]}, {"imp.0": VIDEO | {"video": {"mimes": ["video/mp4"], "protocols": [2, 3]}}}, False),
    (SPOT, {"imp.0": {"id": "1", "video": {"mimes": ["video/mp4"], "rqddurs": [15, 30]}}}, False),
    (SPOT | {"attributes": [16]}, {"imp.0": {"id": "1", "video": {"mimes": ["video/mp4"], "battr": [16]}}}, False),
    ({"format": "audio", "mimes": ["audio/mp4"]}, {"imp.0": {"id": "1", "audio": {"mimes": ["audio/mp4"]}}}, True),
    ({"format": "audio"}, {"imp.0": VIDEO}, False),
    ({"format": "native"}, {"imp.0": {"id": "1", "native": {"request": '{"assets":[{"id":1,"title":{}}]}'}}}, True),
    ({"adomain": ["bad.com"]}, {"badv": ["BAD.com"]}, False),
    ({"adomain": ["shop.bad.com"]}, {"badv": ["bad.com"]}, False),
    ({"adomain": ["bad.com"]}, {"badv": ["shop.bad.com"]}, True),
    ({"categories": ["IAB25-3"]}, {"bcat": ["IAB25"]}, False),
    ({"categories": ["IAB25"]}, {"bcat": ["IAB25-3"]}, True),
    ({"categories": ["IAB25"]}, {"acat": ["IAB25"]}, True),
    ({"categories": ["IAB25"]}, {"acat": ["IAB1"]}, False),
    ({}, {"imp.0.pmp": {"private_auction": 1, "deals": [{"id": "d"}]}}, False),
    ({}, {"wseat": ["other"]}, False),
    ({}, {"wseat": ["1"]}, True),
    ({}, {"bseat": ["1"]}, False),
]  # fmt: skip


@pytest.mark.parametrize(("creative_values", "changes", "bids"), FITS)
def test_a_creative_must_fit_the_imp(
    creative_values: dict[str, Any], changes: dict[str, Any], *, bids: bool
) -> None:
    place = market([campaign()], [creative(**creative_values)])
    assert bool(match(place, changes)) is bids


@pytest.mark.parametrize(
    ("values", "bids"),
    [
        ({"active": False}, False),
        ({"starts_ms": 1000}, True),
        ({"starts_ms": 1001}, False),
        ({"ends_ms": 1001}, True),
        ({"ends_ms": 1000}, False),
        ({"dsp": 1}, False),
    ],
)
def test_a_campaign_bids_while_it_runs(values: dict[str, Any], *, bids: bool) -> None:
    assert bool(match(market([campaign(**values)], [creative()]))) is bids


CAPPED = [campaign(caps=[FrequencyCap(3, 3600), FrequencyCap(5, 86_400)])]


@pytest.mark.parametrize(
    ("counts", "bids"),
    [
        ({}, True),
        ({(1, 3600): 2, (1, 86_400): 4}, True),
        ({(1, 3600): 3}, False),
        ({(1, 86_400): 5}, False),
        (None, False),
    ],
)
def test_a_capped_campaign_bids_below_all_its_caps(
    counts: dict[tuple[int, int], int] | None, *, bids: bool
) -> None:
    assert bool(match(market(CAPPED, [creative()]), cap_counts=counts)) is bids


def test_caps_worth_reading_are_those_of_matching_campaigns() -> None:
    both = [*CAPPED, campaign(2, caps=[FrequencyCap(1, 60)], targeting={"countries": ["DEU"]})]
    place = market(both, [creative(1), creative(2)])
    context = BidContext(now_ms=1, exchange=1)
    assert place.own.capped_campaigns(request(), context) == [(1, 3600), (1, 86_400)]


def test_a_campaign_that_cannot_pay_one_bid_does_not_bid() -> None:
    assert not match(market(), fundable={1: 1999})


def test_a_campaign_that_can_just_pay_one_bid_bids() -> None:
    assert match(market(), fundable={1: 2000})


def test_the_multiplier_counts_when_asking_who_can_pay() -> None:
    assert not match(market(), {"imp.0.qty": {"multiplier": 2}}, fundable={1: 3999})


def test_a_campaign_that_cannot_pay_is_wanted() -> None:
    context = BidContext(now_ms=1, exchange=1)
    market().own.match(request(), 0, context, {})
    assert context.wanted == {1: (1, 2000)}


def test_participation_0_never_takes_part() -> None:
    assert not match(market(), participation={1: 0.0})


def test_participation_is_the_share_of_requests() -> None:
    place = market()
    taken = sum(
        bool(match(place, {"id": f"r{number}"}, participation={1: 0.3})) for number in range(2000)
    )
    assert 500 < taken < 700


def test_participation_of_a_request_is_always_the_same() -> None:
    place = market()
    runs = {len(match(place, {"id": "x"}, participation={1: 0.5})) for _ in range(5)}
    assert len(runs) == 1


def test_campaigns_take_part_independently() -> None:
    place = market([campaign(1), campaign(2)], [creative(1), creative(2)])
    sizes = {
        len(match(place, {"id": f"r{number}"}, participation={1: 0.5, 2: 0.5}))
        for number in range(100)
    }
    assert sizes == {0, 1, 2}


def test_the_best_prices_come_first() -> None:
    prices = {1: 1_000_000, 2: 3_000_000, 3: 2_000_000}
    place = market(
        [campaign(number, bid_cpm_micros=price) for number, price in prices.items()],
        [creative(number) for number in prices],
    )
    assert [bid.cid for bid in match(place)] == ["2", "3", "1"]


def test_bids_of_an_imp_are_bounded() -> None:
    numbers = range(1, 50)
    place = market([campaign(n) for n in numbers], [creative(n) for n in numbers])
    assert len(match(place)) == BIDS_PER_IMP_MAX


def test_bids_of_an_advertiser_are_bounded() -> None:
    numbers = range(1, 10)
    place = market([campaign(n, advertiser=1) for n in numbers], [creative(n) for n in numbers])
    assert len(match(place)) == BIDS_PER_ADVERTISER_MAX


def test_a_campaign_bids_once_per_imp_with_the_creative_that_fits() -> None:
    wide = creative(1, id=9, crid="wide", width=728, height=90)
    place = market([campaign()], [wide, creative(1)])
    assert [bid.crid for bid in match(place)] == ["cr-1"]


def test_equal_prices_take_turns() -> None:
    numbers = range(1, 50)
    place = market([campaign(n) for n in numbers], [creative(n) for n in numbers])
    seen = {bid.cid for n in range(100) for bid in match(place, {"id": f"r{n}"})}
    assert len(seen) > 40


def test_a_bid_says_which_imp_it_is_for() -> None:
    second = {"imp.1": {"id": "2", "banner": {"w": 300, "h": 250}}}
    context = BidContext(now_ms=1000, exchange=1, fundable=RICH)
    assert market().own.match(request(second), 1, context, {})[0].imp == 1
