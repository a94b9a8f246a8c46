"""One bidder process: makes its parts, starts and stops them in order, and tells the banker its numbers each second."""

from __future__ import annotations

import asyncio
import gc
import logging
from time import perf_counter

from bidder.demand.dsp.gateway import Gateway
from bidder.edge.quotas import Quotas
from bidder.edge.wheel import Wheel
from bidder.enrich.enricher import Enricher
from bidder.enrich.redis_address import parse_redis_url
from bidder.enrich.redis_link import RedisLink
from bidder.market import Market
from bidder.metrics import Metrics
from bidder.notices.receive import Notices
from bidder.pipeline import Pipeline
from bidder.record import Recorder
from bidder.reservation import Reservation
from bidder.reserve.client import BankerClient
from bidder.snapshot_reader import SnapshotReader
from bidder.unexpected import Unexpected
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.settings import Bidder
from rtbplatform.kernel.snapshot import Snapshot

TELL_S = 1.0

log = logging.getLogger(__name__)


class Worker:
    """Must be made inside the running event loop."""

    def __init__(self, settings: Bidder) -> None:
        self.settings = settings
        self.stopping = False
        self.metrics = Metrics()
        self.unexpected = Unexpected(self.metrics)
        self.quotas = Quotas()
        self.wheel = Wheel(asyncio.get_running_loop())
        self.recorder = Recorder(
            settings.rtb_secret, settings.region, settings.pod, settings.worker
        )
        self.banker = BankerClient(
            settings.banker_socket, settings.worker, on_lost=self.recorder.sealer.forget
        )
        self.link = RedisLink(parse_redis_url(settings.redis_url), self.wheel)
        self.enricher = Enricher(self.link)
        self.gateway = Gateway(
            self.wheel,
            self.quotas,
            self.metrics,
            fanout_ms=settings.fanout_ms,
            answer_bytes_max=settings.dsp_answer_bytes_max,
        )
        self.pipeline = Pipeline(
            settings,
            gateway=self.gateway,
            enricher=self.enricher,
            banker=self.banker,
            reservation=Reservation(self.banker, self.recorder, self.wheel),
            quotas=self.quotas,
            metrics=self.metrics,
            unexpected=self.unexpected,
        )
        self.notices = Notices(settings.rtb_secret, self.banker, {})
        self.snapshots: SnapshotReader[Market] = SnapshotReader(
            settings.redis_url,
            settings.rtb_secret,
            settings.region,
            compile_market=lambda snapshot: Market.compile(snapshot, settings.rtb_secret),
            on_market=self._on_market,
            on_pacing=self._on_pacing,
            on_workers=self.quotas.set_workers,
        )
        self._participation: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Everything but the listening socket. Absent servers are waited for in the background."""
        await self.banker.start()
        await self.link.start()
        self.gateway.start()
        await self.snapshots.start()
        self._task = asyncio.get_running_loop().create_task(self._tell())
        gc.collect()
        gc.freeze()  # what was made so far lives as long as the process: collections need not look at it

    async def stop(self) -> None:
        """After the last answer: outcomes reach the banker before the connection closes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.snapshots.stop()
        await self.gateway.stop()
        await self.banker.stop()
        await self.link.stop()

    def missing(self) -> list[str]:
        """What it lacks to sell; empty = ready."""
        missing = []
        if self.pipeline.market is None:
            missing.append("snapshot")
        if not self.banker.connected:
            missing.append("banker")
        return missing

    def new_id(self, now_ms: int) -> bytes:
        return uuid7(now_ms)

    def _on_market(self, market: Market, snapshot: Snapshot) -> None:
        market.participation = self._participation
        self.notices.exchanges = {exchange.id: exchange.slug for exchange in snapshot.exchanges}
        self.pipeline.set_market(market)

    def _on_pacing(self, participation: dict[int, float]) -> None:
        self._participation = participation
        if self.pipeline.market is not None:
            self.pipeline.market.participation = participation

    async def _tell(self) -> None:
        while True:
            due_s = perf_counter() + TELL_S
            await asyncio.sleep(TELL_S)
            try:
                self._tell_once(max(0.0, perf_counter() - due_s))
            except Exception as error:  # noqa: BLE001 - numbers must not stop because of one of them
                self.unexpected.note("metrics", error)

    def _tell_once(self, lag_s: float) -> None:
        self.metrics.gauges = {
            "rtb_snapshot_version": self.snapshots.version,
            "rtb_in_flight": self.pipeline.in_flight,
            "rtb_loop_lag_ms": lag_s * 1000,
            "rtb_redis_connected": float(self.link.connected),
            **self.gateway.gauges(),
        }
        message = self.metrics.message()
        message.counters |= {
            "rtb_enrich_degraded_total": self.enricher.degraded,
            "rtb_redis_refused_total": self.link.refused,
            "rtb_redis_errors_total": self.link.errors,
            "rtb_snapshots_rejected_total": self.snapshots.rejected,
        }
        self.banker.metrics(message)
