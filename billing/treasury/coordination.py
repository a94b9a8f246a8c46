"""The treasury's clockwork: rounds of the coordinator and its mail, pacing, a sign of life.

In: what campaigns ask for, what leases are out. Out: rows of escrow, mail to bankers, `wire.PACING`. On failure: the
next tick does it again. Time: a tick a second, or as soon as the outbox announces a change.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import redis

from billing.escrow.grants import Needs, Office
from billing.escrow.sql import execute
from billing.pacing.sheet import PacingSheet
from billing.treasury.database_clock import DatabaseClock
from billing.treasury.rounds import Rounds
from rtbplatform.kernel import wire


class Coordination:
    """One thread's work; `wake` may be called from others."""

    def __init__(
        self,
        rounds: Rounds,
        client: redis.Redis,
        office: Office,
        clock: DatabaseClock,
        numbers: Callable[[], dict[str, Any]],
    ) -> None:
        self._rounds = rounds
        self._redis = client
        self._office = office
        self._clock = clock
        self._numbers = numbers
        self._awake = threading.Event()
        self._sheet: PacingSheet | None = None
        self._paced_ms = 0

    def wake(self) -> None:
        """Something changed: do not wait for the next tick."""
        self._awake.set()

    def step(self) -> None:
        """One tick, then the wait for the next."""
        self._awake.clear()
        self._clock.refresh()
        self.tick(self._clock.wall_ms())
        self._awake.wait(self._office.times.coordinator_interval_ms / 1000)

    def tick(self, now_ms: int) -> None:
        """Raises django.db.Error, redis.RedisError."""
        self._rounds.tick(now_ms)
        self._pace(now_ms)
        self._beat()

    def _pace(self, now_ms: int) -> None:
        """A new sheet each interval; the old one again when Redis has forgotten it."""
        if self._sheet is None:
            term_ms = self._office.times.lease_term_ms
            self._sheet = PacingSheet(self._participation_before(), term_ms)
        if not 0 <= now_ms - self._paced_ms < self._office.times.pacing_interval_ms:
            self._paced_ms = now_ms
            self._sheet.update(now_ms)
        elif self._redis.exists(wire.PACING):
            return
        self._redis.set(wire.PACING, msgspec.msgpack.encode(self._sheet.pacing(now_ms)))

    def needs(self) -> Needs:
        """What pacing came to last; nothing before its first interval. May be called from other threads."""
        return self._sheet.needs if self._sheet else {}

    def _participation_before(self) -> dict[int, float]:
        """What an earlier treasury had come to: a restart does not begin with a slow start again."""
        known = self._redis.get(wire.PACING)
        if not isinstance(known, bytes):
            return {}
        try:
            return msgspec.msgpack.decode(known, type=wire.Pacing).participation
        except msgspec.MsgspecError:
            return {}

    def _beat(self) -> None:
        execute(
            """
            INSERT INTO escrow_treasury_beat (region, pid, beat_at, numbers) VALUES (%s, %s, now(), %s::jsonb)
            ON CONFLICT (region) DO UPDATE
                SET pid = excluded.pid, beat_at = excluded.beat_at, numbers = excluded.numbers
            """,
            [self._office.region, os.getpid(), msgspec.json.encode(self._numbers()).decode()],
        )
