"""What bankers report to Redis each second, added up for the operator. Decisions over values; `read` is the shell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtbplatform.kernel import wire
from rtbplatform.kernel.wire import PodHealth

log = structlog.get_logger(__name__)
PODS_MAX = 1000
RECENT_S = 10
"""What bankers take rates and latencies over (`bidder.banker.health.WINDOW`, which may not be imported here)."""
BREAKER_STATES = {0: ("Closed", "good"), 1: ("Probing", "warn"), 2: ("Open", "bad")}


@dataclass(frozen=True)
class PodRow:
    region: str
    pod: str
    age_s: float
    workers: int
    snapshot_version: int
    relay_lag: int
    rps: float
    bid_rate: float | None
    """Percent of recent requests answered with a bid; None without requests."""
    p50_ms: float | None
    """Of recent answers; None when there were none."""
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class DspRow:
    slug: str
    pod: str
    breaker: str
    breaker_tone: str
    calls: float
    """With bids, timeouts and errors: since the bidders started."""
    bids: float
    timeouts: float
    errors: float
    p50_ms: float | None
    """Of recent answers; None when there were none."""
    p99_ms: float | None

    @property
    def bid_percent(self) -> float:
        return 100 * self.bids / self.calls if self.calls else 0.0

    @property
    def timeout_percent(self) -> float:
        return 100 * self.timeouts / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Health:
    pods: list[PodRow] = field(default_factory=list)
    dsps: list[DspRow] = field(default_factory=list)
    rps: float = 0.0
    bid_rate: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    relay_lag: int = 0
    behind: int = 0
    """Machines whose snapshot is older than the published one."""
    error: str = ""


def connect(redis_url: str) -> redis.Redis:
    """One try, one second: a page says that Redis is away rather than waiting for it."""
    return redis.Redis.from_url(
        redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )


def read(connection: redis.Redis, now_ms: int) -> tuple[Health, int]:
    """All pods' health, and the published snapshot's version (0 = none)."""
    try:
        keys = list(connection.scan_iter(wire.HEALTH_PATTERN, count=PODS_MAX))[:PODS_MAX]
        raw = connection.mget([wire.SNAPSHOT_VERSION, *keys])
    except redis.RedisError as error:
        log.warning("health_unreadable", error=str(error))
        return Health(error=str(error)), 0
    version = int(raw[0] or 0)
    return added_up(_decoded(raw[1:]), version, now_ms), version


def _decoded(raw: Sequence[Any]) -> list[PodHealth]:
    decoder = msgspec.msgpack.Decoder(PodHealth)
    pods = []
    for one in raw:
        if one is None:  # expired between the two commands
            continue
        try:
            pods.append(decoder.decode(one))
        except msgspec.MsgspecError as error:
            log.warning("health_undecodable", error=str(error))
    return sorted(pods, key=lambda pod: (pod.region, pod.pod))


def added_up(pods: Sequence[PodHealth], published_version: int, now_ms: int) -> Health:
    rows = [_pod_row(pod, now_ms) for pod in pods]
    rps = sum(row.rps for row in rows)
    bidding = [row for row in rows if row.bid_rate is not None]
    p50s = sorted(row.p50_ms for row in rows if row.p50_ms is not None)
    bid_rps = sum(row.rps * (row.bid_rate or 0) for row in bidding)
    return Health(
        pods=rows,
        dsps=sorted(
            (
                _dsp_row(slug, pod.pod, numbers)
                for pod in pods
                for slug, numbers in pod.dsps.items()
            ),
            key=lambda row: (row.slug, row.pod),
        ),
        rps=rps,
        bid_rate=bid_rps / rps if rps else None,
        p50_ms=p50s[len(p50s) // 2] if p50s else None,
        p99_ms=max((row.p99_ms for row in rows if row.p99_ms is not None), default=None),
        relay_lag=sum(row.relay_lag for row in rows),
        behind=sum(row.snapshot_version < published_version for row in rows),
    )


def _pod_row(pod: PodHealth, now_ms: int) -> PodRow:
    rps = pod.rates.get("requests", 0.0)
    return PodRow(
        region=pod.region,
        pod=pod.pod,
        age_s=max(0, now_ms - pod.made_ms) / 1000,
        workers=pod.workers,
        snapshot_version=pod.snapshot_version,
        relay_lag=pod.relay_lag,
        rps=rps,
        bid_rate=100 * pod.rates.get("won", 0.0) / rps if rps else None,
        p50_ms=_measured(pod.latency_ms, "p50"),
        p95_ms=_measured(pod.latency_ms, "p95"),
        p99_ms=_measured(pod.latency_ms, "p99"),
    )


def _dsp_row(slug: str, pod: str, numbers: dict[str, float]) -> DspRow:
    state, tone = BREAKER_STATES.get(int(numbers.get("breaker", 0)), ("Unknown", ""))
    return DspRow(
        slug=slug,
        pod=pod,
        breaker=state,
        breaker_tone=tone,
        calls=numbers.get("calls", 0),
        bids=numbers.get("bids", 0),
        timeouts=numbers.get("timeouts", 0),
        errors=numbers.get("errors", 0),
        p50_ms=_measured(numbers, "p50_ms"),
        p99_ms=_measured(numbers, "p99_ms"),
    )


def _measured(latencies: dict[str, float], name: str) -> float | None:
    """A latency is a bucket's upper bound, so 0 only says that nothing was answered."""
    return latencies.get(name) or None
