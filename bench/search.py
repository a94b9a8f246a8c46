"""Finds the highest constant rate that a platform serves well: a ladder up to the first failure, then halving."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.figures import Summary

SUCCESS_MIN = 0.999
LATE_P99_MS_MAX = 5.0
BID_SHARE_KEPT_MIN = 0.98
STEP = 1.5
HALVINGS = 3


class Probe(msgspec.Struct, frozen=True):
    """One run at one rate, and the CPU microseconds of each process meanwhile."""

    rate: float
    summary: Summary
    cpu_us: dict[str, float]

    @property
    def success(self) -> float:
        """Share answered with 200 or 204 within 100 ms of the intended send time."""
        answered = sum(self.summary.statuses.get(status, 0) for status in (200, 204))
        return (answered - self.summary.slow) / self.summary.requests

    @property
    def bid_share(self) -> float:
        return self.summary.statuses.get(200, 0) / self.summary.requests

    def us_per_auction(self, name: str) -> float:
        return self.cpu_us[name] / self.summary.requests

    def busy(self, name: str) -> float:
        """Share of one core."""
        return self.cpu_us[name] / 1e6 / self.summary.seconds

    def failures(self, bid_share: float) -> list[str]:
        """Why this rate was not served well; empty = it was. `bid_share`: what it is without load."""
        found = []
        if self.success < SUCCESS_MIN:
            found.append(f"{self.success:.2%} answered within 100 ms")
        if self.summary.late.p99 > LATE_P99_MS_MAX:
            found.append(f"generator {self.summary.late.p99:.1f} ms late")
        if self.bid_share < bid_share * BID_SHARE_KEPT_MIN:
            found.append(f"{self.bid_share:.1%} answered with a bid instead of {bid_share:.1%}")
        return found


def highest(
    probe: Callable[[float], Probe], *, first: float, rate_max: float, tell: Callable[[str], None]
) -> float:
    """The highest rate found good; 0 when even `first` fails. The first probe says what share of bids is normal."""
    bid_share = 0.0

    def good(rate: float) -> bool:
        nonlocal bid_share
        made = probe(rate)
        bid_share = bid_share or made.bid_share
        failures = made.failures(bid_share)
        latency = made.summary.latency
        tell(
            f"{rate:7.0f}/s  p50 {latency.p50:5.1f}  p99 {latency.p99:6.1f} ms  "
            f"bidder busy {made.busy('bidder'):4.0%}  {', '.join(failures) or 'good'}"
        )
        return not failures

    low, high = 0.0, first
    while good(high):
        low, high = high, high * STEP
        if high > rate_max:
            return low
    for _ in range(HALVINGS if low else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return low
