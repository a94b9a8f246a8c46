"""The members of an OpenRTB 2.6 bid request that decisions are made on. Everything else is forwarded as bytes.

What is offered is in `imp`. Names in a `rename` are not members of the specification: `request.parse` sets them.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from bidder.openrtb.imp import Imp


class Publisher(Struct):
    id: str = ""
    domain: str = ""


class Content(Struct):
    cat: list[str] = []
    language: str = ""
    langb: str = ""


class Site(Struct):
    """Section 3.2.13."""

    id: str = ""
    domain: str = ""
    page: str = ""
    cat: list[str] = []
    sectioncat: list[str] = []
    pagecat: list[str] = []
    publisher: Publisher | None = None
    content: Content | None = None


class App(Struct):
    """Section 3.2.14."""

    id: str = ""
    bundle: str = ""
    domain: str = ""
    storeurl: str = ""
    cat: list[str] = []
    sectioncat: list[str] = []
    pagecat: list[str] = []
    publisher: Publisher | None = None
    content: Content | None = None


class Dooh(Struct):
    """Section 3.2.32: a screen out of home."""

    id: str = ""
    domain: str = ""
    publisher: Publisher | None = None
    content: Content | None = None


class Geo(Struct):
    """Section 3.2.19."""

    country: str = ""
    region: str = ""
    city: str = ""
    lat: float | None = None
    lon: float | None = None


class Device(Struct):
    """Section 3.2.18."""

    ua: str = ""
    ip: str = ""
    ipv6: str = ""
    ifa: str = ""
    devicetype: int = 0
    os: str = ""
    osv: str = ""
    make: str = ""
    model: str = ""
    language: str = ""
    w: int | None = None
    h: int | None = None
    lmt: int = 0
    dnt: int = 0
    geo: Geo | None = None


class UserExt(Struct):
    consent: str = ""


class User(Struct):
    """Section 3.2.20; 2.5's ext.consent is read into `consent`."""

    id: str = ""
    buyeruid: str = ""
    consent: str = ""
    ext: UserExt | None = None


class RegsExt(Struct):
    gdpr: int | None = None
    us_privacy: str = ""
    gpp: str = ""
    gpp_sid: list[int] = []


class Regs(Struct):
    """Section 3.2.3; 2.5's members of ext are read into 2.6's places."""

    coppa: int = 0
    gdpr: int | None = None
    us_privacy: str = ""
    gpp: str = ""
    gpp_sid: list[int] = []
    ext: RegsExt | None = None


class SchainNode(Struct):
    asi: str = ""
    sid: str = ""


class Schain(Struct):
    complete: int = 0
    nodes: list[SchainNode] = []


class SourceExt(Struct):
    schain: Schain | None = None


class Source(Struct):
    """Section 3.2.2; 2.5's ext.schain is read into `schain`."""

    tid: str = ""
    schain: Schain | None = None
    ext: SourceExt | None = None


class BidRequest(Struct, rename={"dropped": "@dropped"}):
    """Section 3.2.1."""

    id: str = ""
    imp: list[Imp] = []
    site: Site | None = None
    app: App | None = None
    dooh: Dooh | None = None
    device: Device | None = None
    user: User | None = None
    regs: Regs | None = None
    source: Source | None = None
    test: int = 0
    at: int = 2
    tmax: int = 0
    """Milliseconds; 0 = not said."""
    wseat: list[str] = []
    bseat: list[str] = []
    wlang: list[str] = []
    wlangb: list[str] = []
    acat: list[str] = []
    bcat: list[str] = []
    badv: list[str] = []
    bapp: list[str] = []
    cur: list[str] = []
    cattax: int = 1
    dropped: int = 0
    """Derived: how many optional members could not be used and were left out."""

    @property
    def publisher(self) -> str:
        """The publisher's id, or empty."""
        channel = self.site or self.app or self.dooh
        return channel.publisher.id if channel and channel.publisher else ""

    @property
    def domain(self) -> str:
        """The site's, app's or screen's domain, lower-case, or empty."""
        channel = self.site or self.app or self.dooh
        return channel.domain.lower() if channel else ""

    @property
    def bundle(self) -> str:
        """The app's bundle, or empty."""
        return self.app.bundle if self.app else ""

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-3, upper-case, or empty."""
        device = self.device
        return device.geo.country.upper() if device and device.geo else ""

    @property
    def categories(self) -> list[str]:
        """Of the site or app, its section and page."""
        channel = self.site or self.app
        return channel.cat + channel.sectioncat + channel.pagecat if channel else []


decode_request = msgspec.json.Decoder(BidRequest).decode
