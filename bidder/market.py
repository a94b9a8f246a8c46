"""Everything of a snapshot that a bidder looks up, compiled once per snapshot."""

from __future__ import annotations

import hmac

import msgspec

from bidder.auction.fx import FxTable
from bidder.demand.campaigns import OwnDemand
from fraud.screen.rules import Screen
from rtbplatform.kernel.keys import answer_signing_key, derive
from rtbplatform.kernel.snapshot import CampaignView, CreativeView, DspView, ExchangeView, Snapshot

PACING_PURPOSE = "pacing-draw"


class Market(msgspec.Struct, eq=False):
    version: int
    killed: bool
    exchanges: dict[str, ExchangeView]
    """Active ones, by slug."""
    signing_keys: dict[int, bytes]
    """By exchange id: `keys.answer_signing_key`."""
    dsps: list[DspView]
    """Active ones."""
    campaigns: dict[int, CampaignView]
    """Not running ones too: their bids lose with a reason."""
    creatives: dict[int, list[CreativeView]]
    """By campaign."""
    fx: FxTable
    screen: Screen
    own: OwnDemand
    velocity_kinds: list[str]
    """Kinds that have a limit: the counters worth reading."""
    participation: dict[int, float]
    """Per campaign id; missing = 1. The pipeline replaces it whenever pacing news come."""

    @classmethod
    def compile(cls, snapshot: Snapshot, secret: str) -> Market:
        """Milliseconds per thousand campaigns."""
        exchanges = [exchange for exchange in snapshot.exchanges if exchange.active]
        fx = FxTable(snapshot.fx)
        creatives: dict[int, list[CreativeView]] = {}
        for creative in snapshot.creatives:
            creatives.setdefault(creative.campaign, []).append(creative)
        return cls(
            version=snapshot.version,
            killed=snapshot.killed,
            exchanges={exchange.slug: exchange for exchange in exchanges},
            signing_keys={
                exchange.id: answer_signing_key(secret, exchange.slug, exchange.signature_version)
                for exchange in exchanges
            },
            dsps=[dsp for dsp in snapshot.dsps if dsp.active],
            campaigns={campaign.id: campaign for campaign in snapshot.campaigns},
            creatives=creatives,
            fx=fx,
            screen=Screen.compile(snapshot.blocks, snapshot.velocity_per_minute_max),
            own=OwnDemand(snapshot.campaigns, creatives, fx, derive(secret, PACING_PURPOSE)),
            velocity_kinds=list(snapshot.velocity_per_minute_max),
            participation={},
        )

    def admits(self, exchange: ExchangeView, key_hash: bytes) -> bool:
        """Whether a key (`keys.exchange_key_hash`) is one of the exchange's; in constant time per key."""
        return any(hmac.compare_digest(key_hash, known) for known in exchange.key_hashes)

    def creative(self, campaign: int, crid: str) -> CreativeView | None:
        """A campaign's registered creative by its crid."""
        for creative in self.creatives.get(campaign, ()):
            if creative.crid == crid:
                return creative
        return None
