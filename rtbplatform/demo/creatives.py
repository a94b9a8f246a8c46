"""The demo's creatives: small, complete markup in the sizes and formats that demo traffic asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtbplatform.demo.content import BANNER_SIZES, DemoCampaign

VIDEO_SIZES = {"mobile-video": (640, 360), "ctv": (1920, 1080)}
VIDEO_DURATION_S = 15
VAST_PROTOCOLS = [2, 3, 7]
"""OpenRTB video protocols: VAST 2.0, 3.0 and 4.0."""


def creatives_of(campaign: DemoCampaign, domain: str) -> Iterator[dict[str, Any]]:
    """Fields for `creative_create`, each id once."""
    seen: set[str] = set()
    for show in campaign.shows:
        made = _videos(campaign, show) if show in VIDEO_SIZES else _banners(campaign, show, domain)
        for fields in made:
            if fields["crid"] not in seen:
                seen.add(fields["crid"])
                yield {**fields, "adomain": [domain], "categories": campaign.categories}


def _banners(campaign: DemoCampaign, show: str, domain: str) -> Iterator[dict[str, Any]]:
    for width, height in BANNER_SIZES[show]:
        crid = f"{campaign.key}-banner-{width}x{height}"
        markup = (
            f'<a href="https://{domain}/?c={crid}" target="_blank" rel="noopener">'
            f'<img src="https://cdn.{domain}/{crid}.png" width="{width}" height="{height}"'
            f' alt="{campaign.name}"></a>'
        )
        yield {
            "crid": crid,
            "format": "banner",
            "width": width,
            "height": height,
            "markup": markup,
            "mimes": ["image/png"],
        }


def _videos(campaign: DemoCampaign, show: str) -> Iterator[dict[str, Any]]:
    width, height = VIDEO_SIZES[show]
    crid = f"{campaign.key}-video-{height}p"
    markup = (
        f'<VAST version="4.0"><Ad id="{crid}"><InLine><AdSystem>demo</AdSystem>'
        f"<AdTitle>{campaign.name}</AdTitle><Creatives><Creative><Linear>"
        f"<Duration>00:00:{VIDEO_DURATION_S:02d}</Duration><MediaFiles>"
        f'<MediaFile delivery="progressive" type="video/mp4" width="{width}" height="{height}">'
        f"<![CDATA[https://cdn.video.example/{crid}.mp4]]></MediaFile>"
        "</MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"
    )
    yield {
        "crid": crid,
        "format": "video",
        "width": width,
        "height": height,
        "markup": markup,
        "mimes": ["video/mp4"],
        "duration_s": VIDEO_DURATION_S,
        "protocols": VAST_PROTOCOLS,
    }
