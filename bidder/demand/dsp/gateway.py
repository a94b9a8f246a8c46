"""All DSPs of a worker: their lanes, kept in step with the snapshot, and the housekeeping of their connections."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from time import perf_counter

from bidder.demand.dsp.breaker import Breaker
from bidder.demand.dsp.endpoint import Endpoint, EndpointError, tls_context
from bidder.demand.dsp.fanout import FanOut
from bidder.demand.dsp.lane import Lane
from bidder.demand.dsp.pool import Pool
from bidder.edge.quotas import Quotas
from bidder.edge.wheel import Wheel
from bidder.metrics import Metrics, sample
from bidder.openrtb.parts import SharedBody
from rtbplatform.kernel.snapshot import DspView

TEND_S = 0.1

log = logging.getLogger(__name__)


class Gateway:
    """`fanout_ms` is the usual deadline; `answer_bytes_max` bounds a DSP's answer, decoded."""

    def __init__(
        self,
        wheel: Wheel,
        quotas: Quotas,
        metrics: Metrics,
        *,
        fanout_ms: int,
        answer_bytes_max: int,
    ) -> None:
        self._wheel = wheel
        self._quotas = quotas
        self._metrics = metrics
        self._fanout_ms = fanout_ms
        self._answer_bytes_max = answer_bytes_max
        self._lanes: list[Lane] = []
        self._tls: ssl.SSLContext | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._spawn(self._tend())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes:
            await lane.pool.close()

    def ask(self, formats: set[str], country: str, body: SharedBody, deadline_s: float) -> FanOut:
        """Starts a fan-out; the caller awaits it."""
        fanout = FanOut(self._lanes, deadline_s, self._fanout_ms)
        fanout.ask(formats, country, body, self._quotas, self._wheel)
        return fanout

    def set_dsps(self, dsps: list[DspView]) -> None:
        """A new snapshot's DSPs. Auctions under way go on with the lanes that they have."""
        old = {lane.dsp.slug: lane for lane in self._lanes}
        lanes: list[Lane] = []
        for dsp in dsps:
            try:
                lanes.append(self._lane(dsp, Endpoint(dsp), old.get(dsp.slug)))
            except EndpointError as error:
                self._metrics.count(sample("rtb_dsp_unusable_total", dsp=dsp.slug))
                log.warning("%s", error)
        kept = {lane.pool for lane in lanes}
        for lane in self._lanes:
            if lane.pool not in kept:
                self._spawn(self._retire(lane.pool))
        self._lanes = lanes

    def gauges(self) -> dict[str, float]:
        """Breakers, connections and calls in flight, by DSP."""
        gauges: dict[str, float] = {}
        for lane in self._lanes:
            slug = lane.dsp.slug
            gauges[sample("rtb_dsp_breaker", dsp=slug)] = lane.breaker.state
            gauges[sample("rtb_dsp_in_flight", dsp=slug)] = lane.pool.in_flight
            gauges[sample("rtb_dsp_connections", dsp=slug)] = lane.pool.open_connections
        return gauges

    def _lane(self, dsp: DspView, endpoint: Endpoint, old: Lane | None) -> Lane:
        numbers = self._metrics.dsp(dsp.slug)
        if old is not None and old.pool.endpoint.same_server(endpoint):
            old.pool.endpoint = endpoint
            old.pool.in_flight_max = dsp.in_flight_max
            return Lane(dsp, old.pool, old.breaker, numbers)
        pool = Pool(dsp.slug, endpoint, dsp.in_flight_max, self._answer_bytes_max)
        if endpoint.tls:
            self._tls = self._tls or tls_context()
            pool.use_tls(self._tls)
        pool.tend(perf_counter())
        return Lane(dsp, pool, Breaker(), numbers)

    async def _retire(self, pool: Pool) -> None:
        """Closes a pool when the auctions that use it are over."""
        await asyncio.sleep(2 * self._fanout_ms / 1000)
        await pool.close()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            now_s = perf_counter()
            for lane in self._lanes:
                lane.pool.tend(now_s)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
