"""All numbers of the machine as Prometheus text: the workers' added up, and the banker's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import Metric, exposition
from prometheus_client.registry import Collector, CollectorRegistry

from bidder.banker.numbers import DURATION_BUCKETS_MS, Durations
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel.ipc import LATENCY_BUCKETS_MS

_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Gauge(msgspec.Struct, frozen=True):
    """A sample of the banker's own."""

    name: str
    help: str
    value: float
    kind: str = "gauge"
    labels: dict[str, str] = {}


def split_sample(key: str) -> tuple[str, dict[str, str]]:
    """``name{label="value"}`` as name and labels."""
    name, _, inner = key.partition("{")
    return name, {label: _unescaped(value) for label, value in _LABEL.findall(inner)}


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


class MachineCollector(Collector):
    """Collects at the moment of asking. `own` is what the banker says of itself."""

    def __init__(
        self,
        workers: WorkerMetrics,
        own: Iterable[Gauge],
        durations: Mapping[str, Durations],
        pod: str,
    ) -> None:
        self._workers = workers
        self._own = own
        self._durations = durations
        self._pod = {"pod": pod}

    def collect(self) -> Iterator[Metric]:
        metrics: dict[str, Metric] = {}
        counters, histograms = self._workers.totals()
        for key, value in counters.items():
            name, labels = split_sample(key)
            _add(metrics, name.removesuffix("_total"), "counter", name, labels | self._pod, value)
        for state in self._workers.workers:
            mine = {**self._pod, "worker": str(state.worker)}
            _add(metrics, "rtb_worker_up", "gauge", "rtb_worker_up", mine, 1)
            for key, number in state.gauges.items():
                name, labels = split_sample(key)
                _add(metrics, name, "gauge", name, labels | mine, number)
        for key, counts in histograms.items():
            name, labels = split_sample(key)
            bounds = [float(bound) for bound in LATENCY_BUCKETS_MS]
            _histogram(metrics, name, labels | self._pod, bounds, counts[:-1], counts[-1] / 1000)
        for gauge in self._own:
            base = gauge.name.removesuffix("_total") if gauge.kind == "counter" else gauge.name
            labels = gauge.labels | self._pod
            _add(metrics, base, gauge.kind, gauge.name, labels, gauge.value, gauge.help)
        for name, taken in self._durations.items():
            bounds = list(DURATION_BUCKETS_MS)
            _histogram(metrics, name, self._pod, bounds, taken.counts, taken.sum_ms)
        yield from metrics.values()


def _add(
    metrics: dict[str, Metric],
    base: str,
    kind: str,
    sample: str,
    labels: dict[str, str],
    value: float,
    documentation: str = "docs/metrics.md",
) -> None:
    metric = metrics.get(base)
    if metric is None:
        metric = metrics[base] = Metric(base, documentation, kind)
    metric.add_sample(sample, labels, value)


def _histogram(
    metrics: dict[str, Metric],
    name: str,
    labels: dict[str, str],
    bounds: list[float],
    counts: list[int],
    total_ms: float,
) -> None:
    """`counts` has one more than `bounds`: what is above."""
    metric = metrics.get(name)
    if metric is None:
        metric = metrics[name] = Metric(name, "docs/metrics.md", "histogram")
    running = 0
    for bound, count in zip([*(f"{bound:g}" for bound in bounds), "+Inf"], counts, strict=False):
        running += count
        metric.add_sample(f"{name}_bucket", labels | {"le": bound}, running)
    metric.add_sample(f"{name}_count", labels, running)
    metric.add_sample(f"{name}_sum", labels, total_ms)


def render(collector: MachineCollector) -> str:
    """Prometheus text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return exposition.generate_latest(registry).decode()
