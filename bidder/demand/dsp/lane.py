"""All that belongs to one DSP in one worker: its connections, breaker, filters and what it is charged for."""

from __future__ import annotations

from bidder.demand.dsp.breaker import Breaker
from bidder.demand.dsp.pool import Pool
from bidder.edge.quotas import Quotas
from bidder.metrics import DspNumbers
from rtbplatform.kernel.snapshot import DspView


class Lane:
    """Made new with each snapshot; pool, breaker and numbers live on where the DSP's server stays the same."""

    __slots__ = ("_countries", "_formats", "breaker", "dsp", "numbers", "pool")

    def __init__(self, dsp: DspView, pool: Pool, breaker: Breaker, numbers: DspNumbers) -> None:
        self.dsp = dsp
        self.pool = pool
        self.breaker = breaker
        self.numbers = numbers
        self._formats = frozenset(dsp.formats)
        self._countries = frozenset(dsp.countries)

    def refusal(self, formats: set[str], country: str, quotas: Quotas, now_s: float) -> str:
        """Why this DSP is not asked; empty = it is, and then its breaker must be told what came of it."""
        if self._formats and not self._formats & formats:
            return "format"
        if self._countries and country not in self._countries:
            return "country"
        refused = self.pool.refusal(now_s)
        if refused:
            return refused
        # The breaker comes last but the quota: it hands out a probe that must then be sent.
        if not quotas.take(self.dsp.slug, self.dsp.qps_max, now_s):
            return "qps"
        return "" if self.breaker.allows(now_s) else "breaker_open"

    def payload(self, body: bytes) -> bytes:
        """The whole HTTP request."""
        return b"%b%d\r\n\r\n%b" % (self.pool.endpoint.head, len(body), body)
