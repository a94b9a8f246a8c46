"""A shared timer wheel: however many deadlines fall into a tick, the event loop keeps one timer for it.

Entries are not cancelled; whoever is done ignores its expiry. They live until their deadline, which is short here.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import Protocol

TICK_S = 0.001
"""uvloop's own resolution: finer ticks would only spin."""

log = logging.getLogger(__name__)


class Expires(Protocol):
    """Something with a deadline."""

    def expire(self) -> None:
        """Called once, at the deadline or a tick later, done or not."""
        ...


class Wheel:
    """Deadlines on the `perf_counter` clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, list[Expires]] = {}

    def add(self, deadline_s: float, entry: Expires) -> None:
        """Calls ``entry.expire()`` at `deadline_s` (perf_counter), never before."""
        tick = int(deadline_s / TICK_S) + 1
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.append(entry)
            return
        self._buckets[tick] = [entry]
        self._loop.call_later(max(0.0, tick * TICK_S - perf_counter()), self._turn, tick)

    def _turn(self, tick: int) -> None:
        for entry in self._buckets.pop(tick):
            try:
                entry.expire()
            except Exception:
                log.exception("a deadline's handler failed")


class FutureExpiry:
    """Resolves a future with None at its deadline, unless it has been resolved."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[object | None]) -> None:
        self._future = future

    def expire(self) -> None:
        if not self._future.done():
            self._future.set_result(None)
