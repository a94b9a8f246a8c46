"""What stage 3 found out about a request, for own campaigns and DSP bids alike."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class BidContext(msgspec.Struct):
    """One per request."""

    now_ms: int
    exchange: int
    """Its id."""
    segments: list[str] = []
    cap_counts: Mapping[tuple[int, int], int] | None = None
    """Answers to this user per (campaign, window_s) in the current window; missing = 0. None = not known (no consent,
    no user, Redis late): campaigns with caps sit out."""
    fundable: Mapping[int, int] = {}
    """What each campaign can spend here, in micros; missing = nothing."""
    wanted: dict[int, tuple[int, int]] = {}
    """Filled by matching and auction: campaign -> (advertiser, cost of one bid in micros) that matched but could not pay."""
    eligible: int = -1
    """Filled by `OwnDemand`: bitmap of creatives that fit the request, whatever the imp; -1 = not computed yet."""
    seed: int = -1
    """Filled by `OwnDemand.seed`: the request's 64 bits for pacing and rotation; -1 = not computed yet."""
