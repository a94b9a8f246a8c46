"""What a run of the load generator saw, summed up: statuses, percentiles of latency and of the generator's lateness."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

LOST, TIMED_OUT = 0, -1
"""Statuses of requests that never got a whole answer: connection gone; silence."""


class Answer(msgspec.Struct):
    """One request and what came of it, as an observer on the wire saw it."""

    request_id: str
    kind: str
    status: int
    latency_ms: float
    """From the intended send time to the last byte of the answer."""
    sent_ms: int
    """Unix time at which the first byte went out; 0 = it never did."""
    body: bytes = b""
    headers: dict[str, str] = {}
    error: str = ""


class Percentiles(msgspec.Struct, frozen=True):
    p50: float
    p99: float
    p999: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Percentiles:
        """Nearest rank; all 0 of nothing."""
        ordered = sorted(values)
        if not ordered:
            return cls(0.0, 0.0, 0.0, 0.0)
        p50, p99, p999 = (_rank(ordered, share) for share in (0.5, 0.99, 0.999))
        return cls(p50, p99, p999, ordered[-1])


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Summary(msgspec.Struct, frozen=True):
    """Figures of one run, all times in milliseconds."""

    requests: int
    seconds: float
    statuses: dict[int, int]
    latency: Percentiles
    windows: list[Percentiles]
    """Of latency, by intended send time."""
    late: Percentiles
    """How much later than intended the generator itself sent: the run is worth nothing where this is not near 0."""
    slow: int
    """Answered, but later than `slow_ms`."""
    in_flight_max: int


class Collector:
    """Gathers a run's numbers cheaply; keeps whole answers only when asked to."""

    def __init__(self, window_s: float, slow_ms: float = 100.0) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[array[float]] = []
        self.late = array("d")
        self.slow = 0
        self.in_flight_max = 0
        self._window_s = window_s
        self._slow_ms = slow_ms

    def sent(self, late_ms: float, in_flight: int) -> None:
        self.late.append(late_ms)
        self.in_flight_max = max(self.in_flight_max, in_flight)

    def ended(self, status: int, offset_s: float, latency_ms: float) -> None:
        """`offset_s`: intended send time since the start of the run."""
        self.statuses[status] += 1
        if status <= 0:
            return
        window = int(offset_s / self._window_s)
        while len(self.latencies) <= window:
            self.latencies.append(array("d"))
        self.latencies[window].append(latency_ms)
        if latency_ms > self._slow_ms:
            self.slow += 1

    def summary(self, seconds: float) -> Summary:
        return Summary(
            requests=self.statuses.total(),
            seconds=round(seconds, 3),
            statuses=dict(sorted(self.statuses.items())),
            latency=Percentiles.of(value for window in self.latencies for value in window),
            windows=[Percentiles.of(window) for window in self.latencies],
            late=Percentiles.of(self.late),
            slow=self.slow,
            in_flight_max=self.in_flight_max,
        )


def show(summary: Summary) -> str:
    """A few lines for people."""
    line = "p50 {0.p50:.1f}  p99 {0.p99:.1f}  p99.9 {0.p999:.1f}  max {0.max:.1f} ms".format
    rate = summary.requests / summary.seconds if summary.seconds else 0.0
    statuses = "  ".join(f"{_status(key)}: {value}" for key, value in summary.statuses.items())
    lines = [
        f"requests  {summary.requests} in {summary.seconds:.1f} s ({rate:.0f}/s), at most {summary.in_flight_max} in flight",
        f"statuses  {statuses}   slower than 100 ms: {summary.slow}",
        f"latency   {line(summary.latency)}",
    ]
    lines += [f"window {number}  {line(window)}" for number, window in enumerate(summary.windows)]
    return "\n".join([*lines, f"lateness  {line(summary.late)} (the generator's own)"])


def _status(status: int) -> str:
    return {LOST: "lost", TIMED_OUT: "timed out"}.get(status, str(status))
