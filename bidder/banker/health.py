"""A pod's numbers for the operator's console: totals, and rates and latencies over the last seconds."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import accumulate

import msgspec

from bidder.banker.exposition import split_sample
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel.ipc import LATENCY_BUCKETS_MS
from rtbplatform.kernel.wire import PodHealth

WINDOW = 10
"""Looks kept, one a second: what rates and latencies are taken over."""
_DSP = {
    "rtb_dsp_calls_total": "calls",
    "rtb_dsp_bids_total": "bids",
    "rtb_dsp_timeouts_total": "timeouts",
    "rtb_dsp_errors_total": "errors",
}
_PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class _Look(msgspec.Struct, frozen=True):
    """What this banker has seen happen: a worker's first report is where it begins to look."""

    at_ms: int
    totals: dict[str, int]
    histograms: dict[str, list[int]]


class Health:
    """Remembers a few looks at the workers' totals."""

    def __init__(self, region: str, pod: str, workers: WorkerMetrics) -> None:
        self._region = region
        self._pod = pod
        self._workers = workers
        self._looks: deque[_Look] = deque(maxlen=WINDOW + 1)

    def look(self, own: dict[str, int], relay_lag: int, boot_ms: int, wall_ms: int) -> PodHealth:
        """One look, each second. `own` are totals of the banker."""
        counters, _ = self._workers.totals()
        seen, histograms = self._workers.seen()
        seen_totals = {**_requests(seen), **own}
        self._looks.append(_Look(boot_ms, seen_totals, histograms))
        before = self._looks[0]
        seconds = max(1, boot_ms - before.at_ms) / 1000
        recent = {name: _since(counts, before, name) for name, counts in histograms.items()}
        return PodHealth(
            region=self._region,
            pod=self._pod,
            made_ms=wall_ms,
            workers=len(self._workers.workers),
            snapshot_version=self._snapshot_version(),
            totals={**_requests(counters), **own},
            rates={
                name: round((value - before.totals.get(name, 0)) / seconds, 3)
                for name, value in seen_totals.items()
            },
            latency_ms={
                name: percentile(recent.get("rtb_latency_ms", []), share)
                for name, share in _PERCENTILES.items()
            },
            dsps=self._dsps(counters, recent),
            relay_lag=relay_lag,
        )

    def _snapshot_version(self) -> int:
        """The oldest that a worker has; 0 when none has said."""
        versions = [
            int(state.gauges["rtb_snapshot_version"])
            for state in self._workers.workers
            if "rtb_snapshot_version" in state.gauges
        ]
        return min(versions, default=0)

    def _dsps(
        self, counters: dict[str, int], recent: dict[str, list[int]]
    ) -> dict[str, dict[str, float]]:
        dsps: dict[str, dict[str, float]] = {}
        for key, value in counters.items():
            name, labels = split_sample(key)
            if name in _DSP and "dsp" in labels:
                dsps.setdefault(labels["dsp"], {"breaker": 0.0})[_DSP[name]] = value
        for key, counts in recent.items():
            name, labels = split_sample(key)
            if name == "rtb_dsp_latency_ms" and labels.get("dsp") in dsps:
                dsp = dsps[labels["dsp"]]
                dsp["p50_ms"], dsp["p99_ms"] = percentile(counts, 0.5), percentile(counts, 0.99)
        for state in self._workers.workers:
            for key, number in state.gauges.items():
                name, labels = split_sample(key)
                if "breaker" in name and labels.get("dsp") in dsps:
                    dsp = dsps[labels["dsp"]]
                    dsp["breaker"] = max(dsp["breaker"], number)
        return dsps


def _requests(counters: dict[str, int]) -> dict[str, int]:
    """Requests, and by outcome, over all exchanges."""
    totals: dict[str, int] = {"requests": 0}
    for key, value in counters.items():
        name, labels = split_sample(key)
        if name == "rtb_requests_total":
            totals["requests"] += value
            outcome = labels.get("outcome", "other")
            totals[outcome] = totals.get(outcome, 0) + value
    return totals


def _since(counts: list[int], before: _Look, name: str) -> list[int]:
    old = before.histograms.get(name)
    if old is None or len(old) != len(counts):
        return counts
    return [new - past for new, past in zip(counts, old, strict=True)]


def percentile(counts: list[int], share: float) -> float:
    """The upper bound of the bucket that holds this share, in ms; 0 when there is nothing."""
    running = list(accumulate(counts[:-1]))
    if not running or not running[-1]:
        return 0.0
    place = bisect_left(running, share * running[-1])
    return float(LATENCY_BUCKETS_MS[min(place, len(LATENCY_BUCKETS_MS) - 1)])
