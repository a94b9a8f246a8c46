"""Realistic OpenRTB 2.6 requests of an exchange, the same for the same seed: for the demo, tests and the bench."""

from __future__ import annotations

import random
from typing import Any, Literal

import msgspec
from msgspec import Struct

Kind = Literal["site", "app", "ctv"]
KINDS: tuple[Kind, ...] = ("site", "app", "ctv")
USERS = 200_000


class Place(Struct, frozen=True):
    """Where people are: country, city, IP prefix of an access network, language, weight."""

    country: str
    region: str
    city: str
    lat: float
    lon: float
    ip: str
    language: str
    weight: int


PLACES = (
    Place("USA", "NY", "New York", 40.71, -74.01, "73.162", "en", 18),
    Place("USA", "CA", "Los Angeles", 34.05, -118.24, "76.91", "en", 14),
    Place("CAN", "ON", "Toronto", 43.65, -79.38, "99.232", "en", 5),
    Place("BRA", "SP", "Sao Paulo", -23.55, -46.63, "177.32", "pt", 5),
    Place("GBR", "LND", "London", 51.51, -0.13, "86.132", "en", 14),
    Place("DEU", "BE", "Berlin", 52.52, 13.41, "91.64", "de", 11),
    Place("FRA", "IDF", "Paris", 48.86, 2.35, "90.105", "fr", 8),
    Place("JPN", "13", "Tokyo", 35.68, 139.69, "126.72", "ja", 10),
    Place("AUS", "NSW", "Sydney", -33.87, 151.21, "120.148", "en", 6),
    Place("IND", "MH", "Mumbai", 19.08, 72.88, "103.210", "en", 5),
)
GDPR_COUNTRIES = {"DEU", "FRA"}
SITES = (
    ("pub-news", "dailyherald.example", "Daily Herald", ["IAB12"]),
    ("pub-news", "worldtimes.example", "World Times", ["IAB12", "IAB11"]),
    ("pub-sport", "goalpost.example", "Goalpost", ["IAB17"]),
    ("pub-tech", "bitsandbytes.example", "Bits and Bytes", ["IAB19"]),
    ("pub-food", "slowkitchen.example", "Slow Kitchen", ["IAB8"]),
    ("pub-travel", "faraway.example", "Far Away", ["IAB20"]),
)
APPS = (
    ("pub-games", "com.example.puzzle", "Puzzle Garden", ["IAB9-30"]),
    ("pub-games", "com.example.racer", "Night Racer", ["IAB9-30"]),
    ("pub-weather", "com.example.weather", "Plain Weather", ["IAB15-10"]),
    ("pub-music", "com.example.tunes", "Tunes", ["IAB1-6"]),
)
CHANNELS = (
    ("pub-tv", "com.example.tv.movies", "Movie Hall", ["IAB1-5"]),
    ("pub-tv", "com.example.tv.sports", "Stadium", ["IAB17"]),
    ("pub-kitchen-tv", "com.example.tv.food", "Kitchen TV", ["IAB8"]),
)
BROWSERS = (
    (2, "Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"),
    (2, "macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"),
    (4, "Android", "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36"),
    (4, "iOS", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"),
    (5, "iOS", "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1"),
)  # fmt: skip
TELEVISIONS = (
    (3, "Roku", "Roku/DVP-12.5 (12.5.0.4178-88)"),
    (3, "Tizen", "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1"),
)  # fmt: skip
BANNER_SIZES = ([(300, 250), (336, 280)], [(728, 90), (970, 250)], [(160, 600), (300, 600)])
encode = msgspec.json.Encoder().encode


class GeneratedRequest(Struct, frozen=True):
    id: str
    kind: Kind
    body: bytes


class Traffic:
    """`make(n)` is the nth request of this seed, whatever was made before it."""

    def __init__(self, seed: int | str = 0, users: int = USERS) -> None:
        self.seed = seed
        self.users = users

    def make(self, number: int, kind: Kind | None = None) -> GeneratedRequest:
        """Of the given kind, or of any: 60 % display on sites, 25 % apps, 15 % CTV."""
        rng = random.Random(f"{self.seed}/{number}")
        kind = kind or rng.choices(KINDS, (60, 25, 15))[0]
        request = self._base(rng, kind)
        request |= {"site": _site, "app": _app, "ctv": _ctv}[kind](rng)
        return GeneratedRequest(request["id"], kind, encode(request))

    def _base(self, rng: random.Random, kind: Kind) -> dict[str, Any]:
        user_number = rng.randrange(self.users)
        person = random.Random(f"{self.seed}/user/{user_number}")
        place = person.choices(PLACES, [place.weight for place in PLACES])[0]
        device_type, system, agent = person.choice(TELEVISIONS if kind == "ctv" else BROWSERS)
        device: dict[str, Any] = {
            "ua": agent,
            "ip": f"{place.ip}.{person.randrange(256)}.{person.randrange(1, 255)}",
            "devicetype": device_type,
            "os": system,
            "language": place.language,
            "geo": {
                "country": place.country,
                "region": place.region,
                "city": place.city,
                "lat": round(place.lat + person.uniform(-0.2, 0.2), 4),
                "lon": round(place.lon + person.uniform(-0.2, 0.2), 4),
                "type": 2,
            },
            "dnt": 0,
            "lmt": int(person.random() < 0.1),
        }
        if kind != "site":
            device["ifa"] = _uuid(person)
        return {
            "id": f"{rng.getrandbits(128):032x}",
            "at": rng.choice((1, 2, 2)),
            "tmax": rng.choice((100, 110, 120)),
            "cur": ["USD"],
            "device": device,
            "user": {"id": f"u{person.getrandbits(64):016x}"},
            "regs": {
                "coppa": 0,
                "gdpr": int(place.country in GDPR_COUNTRIES and person.random() < 0.3),
            },
            "bcat": ["IAB25", "IAB26"],
            "source": {"fd": 0, "tid": _uuid(rng)},
        }


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join(
        (digits[:8], digits[8:12], f"4{digits[13:16]}", f"a{digits[17:20]}", digits[20:])
    )


def _floor(rng: random.Random, low_cents: int, high_cents: int) -> float:
    return rng.randrange(low_cents, high_cents) / 100


def _publisher(publisher: str, domain: str) -> dict[str, str]:
    return {"id": publisher, "name": publisher.removeprefix("pub-").title(), "domain": domain}


def _banner_imp(rng: random.Random, imp_id: str, sizes: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "id": imp_id,
        "banner": {"format": [{"w": w, "h": h} for w, h in sizes], "pos": rng.choice((1, 3))},
        "bidfloor": _floor(rng, 10, 120),
        "bidfloorcur": "USD",
        "secure": 1,
        "exp": 300,
    }


def _video(rng: random.Random, *, television: bool) -> dict[str, Any]:
    width, height = (1920, 1080) if television else (640, 360)
    return {
        "mimes": ["video/mp4"] if television else ["video/mp4", "video/webm"],
        "protocols": [2, 3, 5, 6, 7],
        "minduration": 5,
        "maxduration": rng.choice((15, 30)),
        "w": width,
        "h": height,
        "linearity": 1,
        "placement": 1,
        "plcmt": 1 if television else 3,
        "playbackmethod": [1] if television else [3],
    }


def _site(rng: random.Random) -> dict[str, Any]:
    publisher, domain, name, categories = rng.choice(SITES)
    page = f"https://{domain}/{rng.choice(('world', 'local', 'long-reads'))}/{rng.randrange(5000)}"
    sizes = rng.choice(BANNER_SIZES)
    return {
        "imp": [_banner_imp(rng, "1", sizes)],
        "site": {
            "id": domain.split(".", maxsplit=1)[0],
            "name": name,
            "domain": domain,
            "page": page,
            "cat": categories,
            "publisher": _publisher(publisher, domain),
        },
    }


def _app(rng: random.Random) -> dict[str, Any]:
    publisher, bundle, name, categories = rng.choice(APPS)
    video_imp = {
        "id": "2",
        "video": _video(rng, television=False),
        "bidfloor": _floor(rng, 80, 300),
        "bidfloorcur": "USD",
        "secure": 1,
        "instl": 1,
    }
    return {
        "imp": [_banner_imp(rng, "1", [(320, 50), (300, 250)]), video_imp],
        "app": {
            "id": bundle.rsplit(".", maxsplit=1)[1],
            "name": name,
            "bundle": bundle,
            "storeurl": f"https://play.google.com/store/apps/details?id={bundle}",
            "cat": categories,
            "publisher": _publisher(publisher, "games.example"),
        },
    }


def _ctv(rng: random.Random) -> dict[str, Any]:
    publisher, bundle, name, categories = rng.choice(CHANNELS)
    imp = {
        "id": "1",
        "video": _video(rng, television=True),
        "bidfloor": _floor(rng, 200, 800),
        "bidfloorcur": "USD",
        "secure": 1,
    }
    return {
        "imp": [imp],
        "app": {
            "id": bundle.rsplit(".", maxsplit=1)[1],
            "name": name,
            "bundle": bundle,
            "cat": categories,
            "publisher": _publisher(publisher, "tv.example"),
            "content": {"title": name, "livestream": rng.randrange(2), "len": 3600},
        },
    }
