"""OpenRTB 2.6 requests of three kinds, made deterministically from a number: display on a site, banner and video in
an app (two imps), video on connected TV. Only ids, addresses and times differ, so that making one costs a join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Made = tuple[str, str, bytes]
"""(kind, request id, body)"""
Source = Callable[[int], Made]

KINDS = ("display", "app", "ctv")
MARKS = ("@ID@", "@IP@", "@IFA@", "@USER@")


def _device(ua: str, os: str, kind: int, **more: Any) -> dict[str, Any]:
    geo = {"country": "USA", "region": "CA", "city": "San Francisco", "zip": "94103", "type": 2}
    return {
        "ua": ua,
        "ip": "@IP@",
        "ifa": "@IFA@",
        "os": os,
        "devicetype": kind,
        "language": "en",
        "js": 1,
        "lmt": 0,
        "dnt": 0,
        "connectiontype": 2,
        "geo": {**geo, "lat": 37.7749, "lon": -122.4194},
        **more,
    }


def _common(device: dict[str, Any]) -> dict[str, Any]:
    schain = {"ver": "1.0", "complete": 1, "nodes": [{"asi": "ssp.example", "sid": "1", "hp": 1}]}
    return {
        "id": "@ID@",
        "at": 2,
        "tmax": 120,
        "cur": ["USD"],
        "bcat": ["IAB25", "IAB26"],
        "badv": ["blocked.example"],
        "device": device,
        "user": {"id": "@USER@", "buyeruid": "@USER@", "yob": 1984, "gender": "F"},
        "source": {"fd": 0, "tid": "@ID@", "schain": schain},
        "regs": {"coppa": 0, "gdpr": 0, "us_privacy": "1YNN"},
    }


_BANNER = {
    "format": [{"w": 300, "h": 250}, {"w": 320, "h": 50}, {"w": 728, "h": 90}],
    "pos": 1,
    "battr": [1, 3],
    "api": [5, 7],
    "mimes": ["image/png", "image/jpeg", "text/html"],
}
_VIDEO = {
    "mimes": ["video/mp4", "video/webm"],
    "minduration": 5,
    "maxduration": 30,
    "protocols": [2, 3, 5, 6, 7],
    "w": 1280,
    "h": 720,
    "startdelay": 0,
    "plcmt": 1,
    "linearity": 1,
    "playbackmethod": [1, 2],
    "api": [7],
    "delivery": [2],
}


def _imp(number: str, floor: float, **formats: Any) -> dict[str, Any]:
    return {
        "id": number,
        **formats,
        "bidfloor": floor,
        "bidfloorcur": "USD",
        "secure": 1,
        "tagid": f"slot-{number}",
        "exp": 300,
    }


def _display() -> dict[str, Any]:
    ua = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    publisher = {"id": "pub-1", "name": "Example News", "domain": "news.example"}
    site = {
        "id": "site-1",
        "domain": "news.example",
        "page": "https://news.example/world/story.html",
        "ref": "https://search.example/?q=news",
        "cat": ["IAB12"],
        "publisher": publisher,
        "content": {"language": "en", "keywords": "politics,world,markets"},
    }
    imps = [_imp("1", 0.25, banner=_BANNER)]
    return {**_common(_device(ua, "Windows", 2)), "imp": imps, "site": site}


def _app() -> dict[str, Any]:
    ua = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
    app = {
        "id": "app-1",
        "name": "Puzzle",
        "bundle": "com.example.puzzle",
        "storeurl": "https://play.google.com/store/apps/details?id=com.example.puzzle",
        "cat": ["IAB9"],
        "ver": "4.2.0",
        "publisher": {"id": "pub-2", "name": "Example Games"},
    }
    device = _device(ua, "Android", 4, make="Google", model="Pixel 9", osv="15", w=1080, h=2424)
    imps = [
        _imp("1", 0.2, banner=_BANNER, instl=0),
        _imp("2", 0.5, video=_VIDEO, instl=1),
    ]
    return {**_common(device), "imp": imps, "app": app}


def _ctv() -> dict[str, Any]:
    ua = "Roku/DVP-14.0 (14.0.0.1234)"
    app = {
        "id": "app-2",
        "name": "Example TV",
        "bundle": "example.tv",
        "cat": ["IAB1"],
        "publisher": {"id": "pub-3", "name": "Example TV"},
        "content": {"genre": "drama", "len": 2700, "livestream": 0, "rating": "TV-PG"},
    }
    device = _device(ua, "Roku", 3, make="Roku", model="Ultra", w=1920, h=1080)
    return {**_common(device), "imp": [_imp("1", 1.0, video=_VIDEO)], "app": app}


def _mix(number: int) -> int:
    """splitmix64: neighbours in, unrelated numbers out."""
    number = (number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return number ^ (number >> 31)


def _format_of(template: dict[str, Any]) -> bytes:
    """The template as a bytes format string with a named place for each mark."""
    text = msgspec.json.encode(template).replace(b"%", b"%%")
    for mark in MARKS:
        text = text.replace(mark.encode(), b"%%(%b)b" % mark.strip("@").encode())
    return text


_FORMATS = tuple(
    (kind, _format_of(make())) for kind, make in zip(KINDS, (_display, _app, _ctv), strict=True)
)


def source(tag: str) -> Source:
    """Request number n, always the same for a tag; request ids start with it. Every request is another person's."""
    salt = sum(byte << (8 * place) for place, byte in enumerate(tag.encode()[:7]))

    def make(number: int) -> Made:
        kind, template = _FORMATS[number % len(_FORMATS)]
        mixed = _mix(number ^ salt)
        request_id = f"{tag}-{number:08d}"
        ifa = b"%08x-%04x-4%03x-a%03x-%012x" % (
            mixed >> 32,
            mixed >> 16 & 0xFFFF,
            mixed & 0xFFF,
            mixed >> 8 & 0xFFF,
            mixed & 0xFFFFFFFFFFFF,
        )
        values = {
            b"ID": request_id.encode(),
            b"IP": b"73.%d.%d.%d" % (mixed & 255, mixed >> 8 & 255, 1 + (mixed >> 16) % 254),
            b"IFA": ifa,
            b"USER": b"u%016x" % mixed,
        }
        return kind, request_id, template % values

    return make
