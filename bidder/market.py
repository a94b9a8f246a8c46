"""Everything of a snapshot that a bidder looks up, compiled once per snapshot."""

from __future__ import annotations

import msgspec

from bidder.demand.campaigns import OwnDemand
from fraud.screen.rules import Screen
from rtbplatform.kernel.snapshot import CampaignView, CreativeView, DspView, ExchangeView, Snapshot


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
    creatives: dict[int, list[CreativeView]]
    """By campaign."""
    screen: Screen
    own: OwnDemand
    participation: dict[int, float]
    """Per campaign id; missing = 1. The pipeline replaces it whenever pacing news come."""

    @classmethod
    def compile(cls, snapshot: Snapshot, secret: str) -> Market:
        raise NotImplementedError

    def admits(self, exchange: ExchangeView, key_hash: bytes) -> bool:
        """Whether a key (`keys.exchange_key_hash`) is one of the exchange's."""
        raise NotImplementedError
