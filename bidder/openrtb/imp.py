"""What is offered: imps with their placements and deals (OpenRTB 2.6, sections 3.2.4 to 3.2.12, 3.2.31).

Names in a `rename` are not members of the specification: `request.parse` computes them once per request. Prices stay
raw bytes here: they become integer micros without ever being a float.
"""

from __future__ import annotations

from decimal import Decimal

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
