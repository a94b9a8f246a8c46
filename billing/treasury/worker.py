"""A thread that does one thing again and again, outlives its stores' absence, and ends when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection

log = structlog.get_logger(__name__)

BACKOFF_MIN_S, BACKOFF_MAX_S = 0.1, 2.0
AWAY = (OperationalError, InterfaceError, InternalError, redis.RedisError, OSError)
"""What says that Postgres or Redis is away, has ended a connection that idled in a transaction while the region was cut
off (InternalError), or that a transaction lost a deadlock: try again."""


class Stopping:
    """Shared by all threads of a process: whether to end, and whether one of them failed."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.failed = False

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        return self._event.wait(timeout_s)


class Worker(threading.Thread):
    """Calls `step` until told to stop. `step` waits for its work itself, half a second at most.

    A store that is away is waited for with backoff. Any other exception is a bug: the process ends and is started anew.
    """

    def __init__(self, name: str, step: Callable[[], None], stopping: Stopping) -> None:
        super().__init__(name=name, daemon=True)
        self._step = step
        self._stopping = stopping

    def run(self) -> None:
        backoff_s = BACKOFF_MIN_S
        try:
            while not self._stopping.is_set():
                try:
                    self._step()
                    backoff_s = BACKOFF_MIN_S
                except AWAY as error:
                    log.warning("a store is away", worker=self.name, error=str(error).strip())
                    connection.close()
                    self._stopping.wait(backoff_s)
                    backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
        except Exception:
            log.exception("worker failed", worker=self.name)
            self._stopping.failed = True
            self._stopping.set()
        finally:
            connection.close()
