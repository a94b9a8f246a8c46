"""The members of an OpenRTB 2.6 bid request that decisions are made on. Everything else is forwarded as bytes.

Names in `_DERIVED` are not members of the specification: `request.parse` computes them once per request.
Prices stay raw bytes here: they become integer micros without ever being a float.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

ZERO = Raw(b"0")
ABSENT = Raw(b"null")


class Format(Struct, gc=False):
    """Section 3.2.10: a size, fixed (w, h) or flexible (wratio, hratio, wmin)."""

    w: int | None = None
    h: int | None = None
    wratio: int | None = None
    hratio: int | None = None
    wmin: int | None = None


class Banner(Struct, rename={"sizes": "@sizes"}):
    """Section 3.2.6."""

    format: list[Format] = []
    w: int | None = None
    h: int | None = None
    wmin: int | None = None
    hmin: int | None = None
    wmax: int | None = None
    hmax: int | None = None
    btype: list[int] = []
    battr: list[int] = []
    mimes: list[str] = []
    api: list[int] = []
    pos: int | None = None
    sizes: list[tuple[int, int]] = []
    """Derived: all fixed sizes, from w/h and format."""


class Video(Struct):
    """Section 3.2.7."""

    mimes: list[str] = []
    minduration: int = 0
    maxduration: int | None = None
    rqddurs: list[int] = []
    startdelay: int | None = None
    protocols: list[int] = []
    protocol: int | None = None
    w: int | None = None
    h: int | None = None
    plcmt: int | None = None
    placement: int | None = None
    linearity: int | None = None
    skip: int | None = None
    battr: list[int] = []
    minbitrate: int | None = None
    maxbitrate: int | None = None
    api: list[int] = []
    poddur: int | None = None


class Audio(Struct):
    """Section 3.2.8."""

    mimes: list[str] = []
    minduration: int = 0
    maxduration: int | None = None
    rqddurs: list[int] = []
    startdelay: int | None = None
    protocols: list[int] = []
    battr: list[int] = []
    minbitrate: int | None = None
    maxbitrate: int | None = None
    api: list[int] = []
    poddur: int | None = None


class Native(Struct):
    """Section 3.2.9; `request` is JSON in a string, of the Native Ads API."""

    request: str = ""
    ver: str = ""
    api: list[int] = []
    battr: list[int] = []


class Deal(Struct, rename={"floor_cpm_micros": "@floor"}):
    """Section 3.2.12. `bidfloorcur` is the deal's own, never inherited from the imp."""

    id: str = ""
    bidfloor: Raw = ZERO
    bidfloorcur: str = "USD"
    at: int | None = None
    wseat: list[str] = []
    wadomain: list[str] = []
    floor_cpm_micros: int = 0
    """Derived, in bidfloorcur."""


class Pmp(Struct):
    """Section 3.2.11."""

    private_auction: int = 0
    deals: list[Deal] = []


class Qty(Struct):
    """Section 3.2.31: how many impressions one play stands for (digital out of home)."""

    multiplier: Raw = ABSENT


_DERIVED_OF_IMP = {
    "formats": "@formats",
    "floor_cpm_micros": "@floor",
    "multiplier": "@multiplier",
    "deals": "@deals",
}


class Imp(Struct, rename=_DERIVED_OF_IMP):
    """Section 3.2.4."""

    id: str = ""
    banner: Banner | None = None
    video: Video | None = None
    audio: Audio | None = None
    native: Native | None = None
    pmp: Pmp | None = None
    instl: int = 0
    tagid: str = ""
    bidfloor: Raw = ZERO
    bidfloorcur: str = "USD"
    secure: int = 0
    exp: int | None = None
    qty: Qty | None = None
    formats: list[str] = []
    """Derived: those of banner, video, audio, native that are offered."""
    floor_cpm_micros: int = 0
    """Derived, in bidfloorcur."""
    multiplier: Decimal | None = None
    """Derived from qty; None = 1."""
    deals: dict[str, Deal] = {}
    """Derived: pmp.deals by id."""


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
