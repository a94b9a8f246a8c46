"""The banker's own numbers, counted as it goes."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from rtbplatform.kernel.stream import Chunk

DURATION_BUCKETS_MS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0)


class Durations:
    """A histogram of durations over DURATION_BUCKETS_MS, and what is above."""

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BUCKETS_MS) + 1)
        self.sum_ms = 0.0

    def observe_s(self, seconds: float) -> None:
        self.counts[bisect_left(DURATION_BUCKETS_MS, seconds * 1000)] += 1
        self.sum_ms += seconds * 1000


class Numbers:
    """Counters since this process started."""

    def __init__(self) -> None:
        self.commits = 0
        self.entries = 0
        self.payload_bytes = 0
        self.refused = 0
        self.voids = 0
        self.unknown = 0
        self.lost = 0
        self.commit = Durations()
        self.fsync = Durations()

    @contextmanager
    def timing_commit(self) -> Iterator[None]:
        """Around one group commit, acknowledgements included."""
        started_s = time.perf_counter()
        yield
        self.commit.observe_s(time.perf_counter() - started_s)

    def committed(self, chunk: Chunk, fsync_s: float) -> None:
        self.commits += 1
        self.entries += chunk.count
        self.payload_bytes += len(chunk.payload)
        self.fsync.observe_s(fsync_s)
