"""The bench's market: one exchange, a few DSPs with a campaign each, own campaigns that match everything."""

from __future__ import annotations

import redis

from bench.dsp_answers import Behaviour
from rtbplatform.kernel import snapshot as snapshots
from rtbplatform.kernel import wire
from rtbplatform.kernel.keys import derive, exchange_key_hash
from rtbplatform.kernel.snapshot import (
    CampaignView,
    CreativeView,
    DspView,
    ExchangeView,
    Snapshot,
    TargetingView,
)

EXCHANGE, EXCHANGE_KEY = "bench", "bench-key-of-no-secret-at-all"
DSP_ADVERTISER, OWN_ADVERTISER = 1, 2
OWN_CAMPAIGNS = 20
BANNER_SIZES = ((300, 250), (728, 90), (160, 600), (320, 50))


def behaviours(dsps: int, *, instant: bool = False) -> list[Behaviour]:
    """Each DSP bids on everything for its own campaign; median 12 ms, 1 % at 100 ms. And the floor."""
    median_ms, slow_share = (0.0, 0.0) if instant else (12.0, 0.01)
    bidding = [
        Behaviour(
            path=f"/dsp{number}",
            campaigns=[number],
            adomain=f"brand{number}.example",
            price_min=4.0 + number / 10,
            price_max=9.0,
            seed=number,
            median_ms=median_ms,
            slow_share=slow_share,
        )
        for number in range(1, dsps + 1)
    ]
    return [*bidding, Behaviour(path="/floor", campaigns=[], mode="floor")]


def market(dsps: int, stub_port: int, now_ms: int) -> Snapshot:
    """What the bidder is told."""
    return Snapshot(
        version=now_ms,
        made_ms=now_ms,
        exchanges=[
            ExchangeView(1, EXCHANGE, [exchange_key_hash(EXCHANGE_KEY)], qps_max=0),
        ],
        dsps=[_dsp(number, stub_port) for number in range(1, dsps + 1)],
        campaigns=[
            *(_campaign(number, DSP_ADVERTISER, dsp=number) for number in range(1, dsps + 1)),
            *(_campaign(100 + number, OWN_ADVERTISER) for number in range(OWN_CAMPAIGNS)),
        ],
        creatives=[
            creative for number in range(OWN_CAMPAIGNS) for creative in _creatives(100 + number)
        ],
    )


def _dsp(number: int, stub_port: int) -> DspView:
    return DspView(
        id=number,
        slug=f"dsp{number}",
        seat=f"seat{number}",
        endpoint=f"http://127.0.0.1:{stub_port}/dsp{number}",
        formats=[],
        countries=[],
        in_flight_max=2000,
    )


def _campaign(number: int, advertiser: int, dsp: int = 0) -> CampaignView:
    """Own ones bid low, so that DSPs win most auctions, as in the field."""
    return CampaignView(
        id=number,
        advertiser=advertiser,
        currency="USD",
        dsp=dsp,
        bid_cpm_micros=0 if dsp else 2_000_000 + number * 10_000,
        starts_ms=0,
        ends_ms=0,
        budget_version=1,
        targeting=TargetingView(),
        domain=f"brand{number}.example",
    )


def _creatives(campaign: int) -> list[CreativeView]:
    banners = [
        CreativeView(
            id=campaign * 10 + place,
            crid=f"c{campaign}-{width}x{height}",
            advertiser=OWN_ADVERTISER,
            campaign=campaign,
            format="banner",
            width=width,
            height=height,
            markup=f'<a href="https://brand{campaign}.example/"><img src="https://cdn.example/{campaign}.png"></a>',
            adomain=[f"brand{campaign}.example"],
            mimes=["image/png"],
        )
        for place, (width, height) in enumerate(BANNER_SIZES)
    ]
    video = CreativeView(
        id=campaign * 10 + 9,
        crid=f"c{campaign}-video",
        advertiser=OWN_ADVERTISER,
        campaign=campaign,
        format="video",
        width=1920,
        height=1080,
        markup="<VAST version='3.0'></VAST>",
        adomain=[f"brand{campaign}.example"],
        mimes=["video/mp4"],
        duration_s=15,
        protocols=[3],
        mtype=2,
    )
    return [*banners, video]


def publish(store: redis.Redis, secret: str, made: Snapshot) -> None:
    """As the treasury would: the sealed blob, its version, then the news."""
    blob = snapshots.seal(derive(secret, wire.SNAPSHOT_PURPOSE), made)
    store.set(wire.SNAPSHOT_BLOB, blob)
    store.set(wire.SNAPSHOT_VERSION, made.version)
    store.publish(wire.SNAPSHOT_CHANNEL, str(made.version))
