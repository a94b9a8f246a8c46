"""A pod's recent numbers: what happened while this banker looked, not what its workers had done before it."""

from __future__ import annotations

from bidder.banker.health import Health
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel.ipc import LATENCY_BUCKETS_MS, Metrics
from rtbplatform.kernel.wire import PodHealth

BID = 'rtb_requests_total{exchange="demo",outcome="bid"}'
LATENCY = "rtb_latency_ms"


class Pod:
    """A banker just started; each look is a second after the one before."""

    def __init__(self) -> None:
        self.workers = WorkerMetrics()
        self._health = Health("eu", "pod", self.workers)
        self._at_ms = 0

    def look(self) -> PodHealth:
        self._at_ms += 1000
        return self._health.look({"commits": 7}, 0, self._at_ms, self._at_ms)

    def report(self, connection: int, fast: int, slow: int) -> None:
        """A worker's totals: requests answered in the first and in the last bucket."""
        buckets = [fast, *[0] * (len(LATENCY_BUCKETS_MS) - 2), slow, 0, 0]
        self.workers.update(connection, Metrics({BID: fast + slow}, {}, {LATENCY: buckets}))


def after_a_restart() -> Pod:
    """It has looked once before its worker, which has answered a million slow requests, came back."""
    pod = Pod()
    pod.look()
    pod.workers.hello(1, 0, 100)
    pod.report(1, 0, 1_000_000)
    return pod


def test_a_workers_first_report_is_no_recent_traffic() -> None:
    assert after_a_restart().look().rates["requests"] == 0


def test_a_workers_first_report_says_nothing_of_recent_latency() -> None:
    assert after_a_restart().look().latency_ms["p99"] == 0


def test_the_totals_have_the_first_report() -> None:
    assert after_a_restart().look().totals["requests"] == 1_000_000


def test_what_follows_the_first_report_is_recent() -> None:
    pod = after_a_restart()
    pod.look()
    pod.report(1, 30, 1_000_000)
    told = pod.look()
    assert told.rates["requests"] == 15  # 30 in the two seconds since the first look
    assert told.latency_ms["p99"] == LATENCY_BUCKETS_MS[0]


def test_a_worker_that_died_leaves_what_was_seen_of_it() -> None:
    pod = after_a_restart()
    pod.report(1, 30, 1_000_000)
    pod.workers.ended(1)
    assert pod.look().rates["requests"] == 30


def test_a_second_worker_has_a_first_report_of_its_own() -> None:
    pod = after_a_restart()
    pod.workers.hello(2, 1, 101)
    pod.report(2, 500, 0)
    assert pod.look().rates["requests"] == 0
