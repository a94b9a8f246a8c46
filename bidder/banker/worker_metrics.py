"""The workers' numbers, added up. What a worker counted before it died is kept, so that counters never fall."""

from __future__ import annotations

import msgspec

from rtbplatform.kernel import ipc

SERIES_MAX = 20_000
"""Distinct counters and histograms over all workers; what comes after is not taken up, and counted."""


class WorkerState(msgspec.Struct):
    worker: int
    pid: int
    counters: dict[str, int] = {}
    gauges: dict[str, float] = {}
    histograms: dict[str, list[int]] = {}
    has_reported: bool = False


class WorkerMetrics:
    """By connection, as a worker that was started again counts from zero."""

    def __init__(self) -> None:
        self._live: dict[int, WorkerState] = {}
        self._counters: dict[str, int] = {}
        self._histograms: dict[str, list[int]] = {}
        self._earlier_counters: dict[str, int] = {}
        self._earlier_histograms: dict[str, list[int]] = {}
        self.overflown = 0

    @property
    def workers(self) -> list[WorkerState]:
        return list(self._live.values())

    def hello(self, connection: int, worker: int, pid: int) -> None:
        self._live[connection] = WorkerState(worker, pid)

    def update(self, connection: int, message: ipc.Metrics) -> None:
        """The worker's totals since its start replace those before."""
        state = self._live.get(connection)
        if state is None:
            return
        if len(message.counters) + len(message.gauges) + len(message.histograms) > SERIES_MAX:
            self.overflown += 1
            return
        state.counters = message.counters
        state.gauges = message.gauges
        state.histograms = message.histograms
        if not state.has_reported:
            state.has_reported = True
            _add(self._earlier_counters, self._earlier_histograms, state)

    def ended(self, connection: int) -> None:
        """Keeps what it had counted."""
        state = self._live.pop(connection, None)
        if state is None:
            return
        _add(self._counters, self._histograms, state)

    def totals(self) -> tuple[dict[str, int], dict[str, list[int]]]:
        """Counters and histograms over all workers, dead ones included."""
        counters = dict(self._counters)
        histograms = {name: list(counts) for name, counts in self._histograms.items()}
        for state in self._live.values():
            _add(counters, histograms, state)
        return counters, histograms

    def seen(self) -> tuple[dict[str, int], dict[str, list[int]]]:
        """The totals without each worker's first report: that covers its whole life, of which this banker may have seen
        nothing (it was started again, the worker was not)."""
        counters, histograms = self.totals()
        for name, value in self._earlier_counters.items():
            counters[name] = counters.get(name, value) - value
        for name, counts in self._earlier_histograms.items():
            all_counts = histograms.get(name, [])
            if len(all_counts) == len(counts):
                histograms[name] = [a - b for a, b in zip(all_counts, counts, strict=True)]
        return counters, histograms


def _add(counters: dict[str, int], histograms: dict[str, list[int]], state: WorkerState) -> None:
    for name, value in state.counters.items():
        counters[name] = counters.get(name, 0) + value
    for name, counts in state.histograms.items():
        known = histograms.get(name)
        if known is None:
            histograms[name] = list(counts)
        elif len(known) == len(counts):
            histograms[name] = [a + b for a, b in zip(known, counts, strict=True)]
