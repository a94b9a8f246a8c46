"""Keeps the region's snapshot up to date: what campaigns publish, as soon as the outbox announces a change."""

from __future__ import annotations

import threading

from billing.treasury.mailroom import connect
from campaigns.snapshot.publish import DEBOUNCE_MS, SnapshotPublisher
from rtbplatform.kernel.clock import SystemClock
from rtbplatform.kernel.settings import Platform

LOOK_S = 0.5
"""Without news: flights begin and end, Redis may have lost it."""


class Publishing:
    """One thread's work; `wake` may be called from others."""

    def __init__(self, settings: Platform) -> None:
        self._publisher = SnapshotPublisher(connect(settings.redis_url))
        self._clock = SystemClock()
        self._awake = threading.Event()

    def wake(self) -> None:
        self._awake.set()

    def step(self) -> None:
        """Publishes if something changed. Raises django.db.Error, redis.RedisError."""
        self._awake.clear()
        self._publisher.tick(self._clock.boot_ms())
        self._awake.wait(LOOK_S)
        # Changes come in bursts; the publisher does not look again sooner.
        threading.Event().wait(DEBOUNCE_MS / 1000)
