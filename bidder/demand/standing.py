"""Whether a campaign may bid at this moment: running, not capped for this user, taking part."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from bidder.demand.context import BidContext
from rtbplatform.kernel.codes import Loss
from rtbplatform.kernel.snapshot import CampaignView

_MASK = 2**64 - 1


def request_seed(key: bytes, request_id: str) -> int:
    """64 bits that depend on the request alone: pacing and ties need no random numbers, and can be replayed."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=8, key=key).digest(), "big")


def draw(seed: int, campaign: int) -> float:
    """A number in [0, 1) of this request and campaign (splitmix64's finaliser)."""
    mixed = (seed ^ (campaign * 0x9E3779B97F4A7C15)) & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return ((mixed ^ mixed >> 31) >> 11) / 2**53


def standing(
    campaign: CampaignView, context: BidContext, seed: int, participation: Mapping[int, float]
) -> int:
    """0 = it may bid, else the loss."""
    now_ms = context.now_ms
    if (
        not campaign.active
        or now_ms < campaign.starts_ms
        or (campaign.ends_ms and now_ms >= campaign.ends_ms)
    ):
        return Loss.CAMPAIGN_NOT_RUNNING
    if campaign.caps:
        counts = context.cap_counts
        if counts is None:
            return Loss.FREQUENCY_CAPPED
        for cap in campaign.caps:
            if counts.get((campaign.id, cap.window_s), 0) >= cap.answers_max:
                return Loss.FREQUENCY_CAPPED
    probability = participation.get(campaign.id, 1.0)
    if probability < 1.0 and draw(seed, campaign.id) >= probability:
        return Loss.PACED_OUT
    return 0
