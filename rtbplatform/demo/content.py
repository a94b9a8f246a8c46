"""What the demo consists of: plain values, always the same."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

DOLLAR = 1_000_000
START = datetime(2024, 1, 1, tzinfo=UTC)
"""Of all flights: long ago, so that the demo runs on any machine's clock."""
BANNER_SIZES = {"display": ((300, 250), (728, 90), (160, 600)), "in-app": ((320, 50), (300, 250))}
WEST, EUROPE = ["USA", "CAN", "GBR", "AUS"], ["GBR", "DEU", "FRA"]
PHONES_AND_TABLETS, TELEVISION = [1, 4, 5], [3, 7]


class DemoAdvertiser(Struct, frozen=True):
    name: str
    domain: str
    time_zone: str
    deposit_micros: int
    is_platform_owned: bool = False


class DemoPerson(Struct, frozen=True):
    """`login` is the role's name in the demo file."""

    login: str
    email: str
    advertiser: str = ""
    team_role: str = ""
    staff_role: str = ""


class DemoDsp(Struct, frozen=True):
    """`slug` is the name of its simulator."""

    slug: str
    name: str
    seat: str
    timeout_ms: int = 0
    gzip: bool = False


class DemoCampaign(Struct, frozen=True, kw_only=True):
    """With a `dsp` it is bought through that DSP; else it is our own demand, matched by targeting."""

    advertiser: str
    name: str
    key: str
    """Begins its creatives' ids."""
    daily: int
    """Budget in dollars."""
    total: int | None = None
    cpm: Decimal
    pacing: str = "even"
    dsp: str = ""
    shows: tuple[str, ...]
    """Any of display, in-app, mobile-video, ctv."""
    targeting: dict[str, list[Any]] = {}
    categories: list[str]
    cap: tuple[int, int] = (0, 0)
    """Answers to one person in so many seconds; (0, 0) = no cap."""


NORTHWIND, LUMEN, PIXEL, HOUSE = "Northwind Outdoor", "Lumen Home", "Pixel Forge", "House ads"

ADVERTISERS = (
    DemoAdvertiser(NORTHWIND, "northwind.example", "America/New_York", 250_000 * DOLLAR),
    DemoAdvertiser(LUMEN, "lumen.example", "Europe/Berlin", 180_000 * DOLLAR),
    DemoAdvertiser(PIXEL, "pixelforge.example", "Asia/Tokyo", 320_000 * DOLLAR),
    DemoAdvertiser(HOUSE, "house.example", "UTC", 5_000 * DOLLAR, is_platform_owned=True),
)

PEOPLE = (
    DemoPerson("advertiser", "olivia@northwind.example", NORTHWIND, "owner"),
    DemoPerson("manager", "marco@northwind.example", NORTHWIND, "manager"),
    DemoPerson("analyst", "anna@northwind.example", NORTHWIND, "analyst"),
    DemoPerson("advertiser_b", "bela@lumen.example", LUMEN, "owner"),
    DemoPerson("advertiser_c", "chiyo@pixelforge.example", PIXEL, "owner"),
    DemoPerson("finance", "finance@platform.example", staff_role="finance"),
    DemoPerson("operator", "operator@platform.example", staff_role="operator"),
    DemoPerson("fraud", "fraud@platform.example", staff_role="fraud_analyst"),
    DemoPerson("admin", "admin@platform.example", staff_role="admin"),
)

DSPS = (
    DemoDsp("alder", "Alder", "seat-alder"),
    DemoDsp("birch", "Birch", "seat-birch"),
    DemoDsp("cedar", "Cedar", "seat-cedar"),
    DemoDsp("dogwood", "Dogwood", "seat-dogwood"),
    DemoDsp("slowpoke", "Slowpoke", "seat-slowpoke"),
    DemoDsp("garbler", "Garbler", "seat-garbler"),
)

EXCHANGES = (("demo-exchange", "Demo exchange"), ("second-exchange", "Second exchange"))

CAMPAIGNS = (
    DemoCampaign(
        advertiser=NORTHWIND,
        name="Spring boots, display",
        key="nw-boots",
        daily=1_200,
        total=60_000,
        cpm=Decimal("2.40"),
        shows=("display", "in-app"),
        targeting={"countries": WEST, "not_categories": ["IAB25", "IAB26"]},
        categories=["IAB18-4"],
    ),
    DemoCampaign(
        advertiser=NORTHWIND,
        name="Trail films, connected TV",
        key="nw-trail",
        daily=2_500,
        cpm=Decimal("16.00"),
        shows=("ctv",),
        targeting={"countries": ["USA", "CAN"], "device_types": TELEVISION},
        categories=["IAB17"],
    ),
    DemoCampaign(
        advertiser=NORTHWIND,
        name="Tents through Alder",
        key="nw-alder",
        daily=900,
        cpm=Decimal("30.00"),
        dsp="alder",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB17"],
    ),
    DemoCampaign(
        advertiser=NORTHWIND,
        name="Jackets through Slowpoke",
        key="nw-slowpoke",
        daily=400,
        cpm=Decimal("30.00"),
        dsp="slowpoke",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB18"],
    ),
    DemoCampaign(
        advertiser=LUMEN,
        name="Lamps, display in Europe",
        key="lu-lamps",
        daily=800,
        total=40_000,
        cpm=Decimal("2.90"),
        pacing="ahead",
        shows=("display",),
        targeting={"countries": EUROPE, "formats": ["banner"]},
        categories=["IAB10"],
    ),
    DemoCampaign(
        advertiser=LUMEN,
        name="Smart home, mobile video",
        key="lu-smart",
        daily=1_500,
        cpm=Decimal("6.50"),
        shows=("mobile-video",),
        targeting={"device_types": PHONES_AND_TABLETS, "formats": ["video"]},
        categories=["IAB19-11"],
        cap=(20, 86_400),
    ),
    DemoCampaign(
        advertiser=LUMEN,
        name="Sofas through Birch",
        key="lu-birch",
        daily=1_100,
        cpm=Decimal("30.00"),
        pacing="asap",
        dsp="birch",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB10"],
    ),
    DemoCampaign(
        advertiser=LUMEN,
        name="Kitchens through Garbler",
        key="lu-garbler",
        daily=300,
        cpm=Decimal("30.00"),
        dsp="garbler",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB10"],
    ),
    DemoCampaign(
        advertiser=PIXEL,
        name="Puzzle installs, in-app",
        key="px-puzzle",
        daily=2_000,
        cpm=Decimal("1.90"),
        pacing="asap",
        shows=("in-app",),
        targeting={
            "bundles": ["com.example.puzzle", "com.example.racer", "com.example.weather"],
            "os": ["android", "ios"],
        },
        categories=["IAB9-30"],
    ),
    DemoCampaign(
        advertiser=PIXEL,
        name="Night Racer trailer, video",
        key="px-trailer",
        daily=3_000,
        total=150_000,
        cpm=Decimal("9.50"),
        shows=("mobile-video", "ctv"),
        targeting={"not_publishers": ["pub-kitchen-tv"]},
        categories=["IAB9-30"],
    ),
    DemoCampaign(
        advertiser=PIXEL,
        name="Launch week through Cedar",
        key="px-cedar",
        daily=1_600,
        cpm=Decimal("30.00"),
        dsp="cedar",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB9-30"],
    ),
    DemoCampaign(
        advertiser=PIXEL,
        name="Retention through Dogwood",
        key="px-dogwood",
        daily=700,
        cpm=Decimal("30.00"),
        pacing="asap",
        dsp="dogwood",
        shows=("display", "in-app", "mobile-video", "ctv"),
        categories=["IAB9-30"],
    ),
)

BLOCKS = (
    ("ip", "192.0.2.66", "click farm"),
    ("ip", "198.51.100.0/28", "click farm"),
    ("ip", "2001:db8:bad::/48", "click farm"),
    ("datacenter", "3.0.0.0/9", "Amazon EC2"),
    ("datacenter", "34.64.0.0/10", "Google Cloud"),
    ("datacenter", "95.216.0.0/16", "Hetzner"),
    ("datacenter", "159.89.0.0/16", "DigitalOcean"),
    ("user_agent", "headlesschrome", "automated browser"),
    ("user_agent", "phantomjs", "automated browser"),
    ("user_agent", "python-requests", "script"),
    ("user_agent", "scrapy", "crawler"),
    ("domain", "stolen-news.example", "copied content"),
    ("domain", "made-for-ads.example", "made for advertising"),
    ("bundle", "com.example.flashlight", "background ads"),
)

VELOCITY = {"ip": 100_000, "user": 20_000, "device": 20_000}
"""Requests a minute, generous: load tests come from few addresses."""

FX_DAY = date(2024, 1, 2)
FX_RATES = (
    ("EUR", "USD", Decimal("1.0956")),
    ("GBP", "USD", Decimal("1.2650")),
    ("JPY", "USD", Decimal("0.0070")),
)
