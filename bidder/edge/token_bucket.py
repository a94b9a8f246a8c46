"""A token bucket over plain values: how a rate per second with a burst is kept."""

from __future__ import annotations


class TokenBucket:
    """Allows `rate` a second, and bursts of up to `burst`. Rate 0 = no limit."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated_s")

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated_s = now_s

    def take(self, now_s: float) -> bool:
        """One token, if there is one. `now_s` must not go back by more than it matters: a step back adds nothing."""
        if self._rate <= 0:
            return True
        elapsed_s = now_s - self._updated_s
        if elapsed_s > 0:
            self._tokens = min(self._burst, self._tokens + elapsed_s * self._rate)
            self._updated_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def resize(self, rate: float, burst: float) -> None:
        """A new rate; what was saved up is kept, up to the new burst."""
        self._rate = rate
        self._burst = burst
        self._tokens = min(self._tokens, burst)

    def wait_s(self) -> float:
        """How long until a token is there, as of the last `take`."""
        if self._rate <= 0 or self._tokens >= 1:
            return 0.0
        return (1 - self._tokens) / self._rate
