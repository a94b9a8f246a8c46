"""Rates per second, promised over a whole region, kept by each worker on its share.

The share is 1 / (workers of the region), as the bankers' health messages count them: the kernel spreads connections
evenly over the workers, so equal shares add up to the promise. One second's worth of burst absorbs unevenness; a
region that has just lost or gained a machine is off by that machine's share for the seconds until health says so.
"""

from __future__ import annotations

from bidder.edge.token_bucket import TokenBucket

BURST_S = 1.0
BURST_MIN = 5.0


class Quotas:
    """A token bucket per name (an exchange, a DSP), made when first seen."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        self._rates: dict[str, int] = {}
        self._share = 1.0

    def set_workers(self, workers: int) -> None:
        """How many workers share each rate; below 1 counts as 1."""
        share = 1.0 / max(1, workers)
        if share != self._share:
            self._share = share
            for name, bucket in self._buckets.items():
                bucket.resize(*self._size(self._rates[name]))

    def take(self, name: str, qps_max: int, now_s: float) -> bool:
        """Whether one more is within the rate. `qps_max` over the region; 0 = no limit."""
        if qps_max <= 0:
            return True
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(*self._size(qps_max), now_s)
            self._rates[name] = qps_max
        elif self._rates[name] != qps_max:
            bucket.resize(*self._size(qps_max))
            self._rates[name] = qps_max
        return bucket.take(now_s)

    def wait_s(self, name: str) -> float:
        """How long until the next one is allowed."""
        bucket = self._buckets.get(name)
        return bucket.wait_s() if bucket else 0.0

    def _size(self, qps_max: int) -> tuple[float, float]:
        rate = qps_max * self._share
        return rate, max(BURST_MIN, rate * BURST_S)
