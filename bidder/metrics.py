"""A worker's numbers as plain integers: counted in the bid path for nanoseconds, told to the banker each second.

Keys are Prometheus samples without a worker's name, such as ``rtb_requests_total{exchange="demo",outcome="won"}``:
the banker adds what it knows (pod, worker) and publishes them for the machine. Labels come from settings and the
snapshot, never from requests, so that their number is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from rtbplatform.kernel import ipc
from rtbplatform.kernel.events import STAGES

_BUCKETS_US = [bucket_ms * 1000 for bucket_ms in ipc.LATENCY_BUCKETS_MS]


@lru_cache(maxsize=4096)
def sample(name: str, **labels: str) -> str:
    """The sample's key; labels in the order given."""
    if not labels:
        return name
    inner = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Histogram:
    """Counts per bucket of `ipc.LATENCY_BUCKETS_MS`, one more for what is above, and the sum in microseconds."""

    __slots__ = ("counts", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_US) + 1)
        self.sum_us = 0

    def observe_us(self, value_us: int) -> None:
        self.counts[bisect_left(_BUCKETS_US, value_us)] += 1
        self.sum_us += value_us


class DspNumbers:
    """What became of the calls to one DSP."""

    __slots__ = ("bids", "calls", "errors", "latency", "no_bids", "skipped", "timeouts")

    def __init__(self) -> None:
        self.calls = 0
        self.bids = 0
        self.no_bids = 0
        self.timeouts = 0
        self.errors = 0
        self.skipped: dict[str, int] = {}
        self.latency = Histogram()


class Metrics:
    """All counters of one worker since its start."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.gauges: dict[str, float] = {}
        self.latency = Histogram()
        self.stage_us = [0] * len(STAGES)
        self.dsps: dict[str, DspNumbers] = {}
        self._outcomes: dict[tuple[str, str], int] = {}
        self._no_bids: dict[int, int] = {}

    def count(self, key: str, by: int = 1) -> None:
        """Adds to a counter; `key` is a `sample`."""
        self.counters[key] = self.counters.get(key, 0) + by

    def request(self, exchange: str, outcome: str, nbr: int, total_us: int) -> None:
        """One request that has ended."""
        key = (exchange, outcome)
        self._outcomes[key] = self._outcomes.get(key, 0) + 1
        if nbr >= 0:
            self._no_bids[nbr] = self._no_bids.get(nbr, 0) + 1
        self.latency.observe_us(total_us)

    def stages(self, stage_us: list[int]) -> None:
        """Microseconds that one request spent in each stage it reached."""
        for index, spent_us in enumerate(stage_us):
            self.stage_us[index] += spent_us

    def dsp(self, slug: str) -> DspNumbers:
        numbers = self.dsps.get(slug)
        if numbers is None:
            numbers = self.dsps[slug] = DspNumbers()
        return numbers

    def message(self) -> ipc.Metrics:
        """Everything, as the banker takes it."""
        counters = dict(self.counters)
        for (exchange, outcome), number in self._outcomes.items():
            counters[sample("rtb_requests_total", exchange=exchange, outcome=outcome)] = number
        for nbr, number in self._no_bids.items():
            counters[sample("rtb_no_bids_total", nbr=str(nbr))] = number
        for stage, spent_us in zip(STAGES, self.stage_us, strict=True):
            counters[sample("rtb_stage_us_total", stage=stage)] = spent_us
        histograms = {"rtb_latency_ms": _flat(self.latency)}
        for slug, numbers in self.dsps.items():
            counters |= _dsp_counters(slug, numbers)
            histograms[sample("rtb_dsp_latency_ms", dsp=slug)] = _flat(numbers.latency)
        return ipc.Metrics(counters, dict(self.gauges), histograms)


def _flat(histogram: Histogram) -> list[int]:
    return [*histogram.counts, histogram.sum_us]


def _dsp_counters(slug: str, numbers: DspNumbers) -> dict[str, int]:
    counters = {
        sample("rtb_dsp_calls_total", dsp=slug): numbers.calls,
        sample("rtb_dsp_bids_total", dsp=slug): numbers.bids,
        sample("rtb_dsp_no_bids_total", dsp=slug): numbers.no_bids,
        sample("rtb_dsp_timeouts_total", dsp=slug): numbers.timeouts,
        sample("rtb_dsp_errors_total", dsp=slug): numbers.errors,
    }
    for cause, number in numbers.skipped.items():
        counters[sample("rtb_dsp_skipped_total", dsp=slug, cause=cause)] = number
    return counters
