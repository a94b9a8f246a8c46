"""The treasury's clockwork: the coordinator's tick, recalls, inquiries, pacing, a sign of life.

In: what campaigns ask for, what leases are out. Out: rows of escrow, Recall and Inquire mail, `wire.PACING`. On failure:
the next tick does it again. Time: a tick a second, or as soon as the outbox announces a change.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import redis

from billing.escrow import recalls, upkeep
from billing.escrow.grants import Office
from billing.pacing.sheet import PacingSheet
from billing.escrow.repository import execute
from billing.treasury.mailroom import Mailroom
from rtbplatform.kernel import wire
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.clock import Clock


class Coordination:
    """One thread's work; `wake` may be called from others."""

    def __init__(
        self,
        mailroom: Mailroom,
        client: redis.Redis,
        office: Office,
        calendar: BudgetCalendar,
        clock: Clock,
        numbers: Callable[[], dict[str, Any]],
    ) -> None:
        self._mailroom = mailroom
        self._redis = client
        self._office = office
        self._calendar = calendar
        self._clock = clock
        self._numbers = numbers
        self._awake = threading.Event()
        self._sheet: PacingSheet | None = None
        self._inquired_ms = 0
        self._paced_ms = 0

    def wake(self) -> None:
        """Something changed: do not wait for the next tick."""
        self._awake.set()

    def step(self) -> None:
        """One tick, then the wait for the next."""
        self._awake.clear()
        self.tick(self._clock.wall_ms())
        self._awake.wait(self._office.times.coordinator_interval_ms / 1000)

    def tick(self, now_ms: int) -> None:
        """Raises django.db.Error, redis.RedisError."""
        times = self._office.times
        upkeep.tick(self._calendar, times, now_ms)
        self._mailroom.send(
            (incarnation, wire.Recall(leases))
            for incarnation, leases in recalls.leases_to_recall(self._office.region, now_ms).items()
        )
        if not 0 <= now_ms - self._inquired_ms < times.inquiry_interval_ms:
            self._inquired_ms = now_ms
            self._inquire(now_ms)
        self._pace(now_ms)
        self._beat()

    def _inquire(self, now_ms: int) -> None:
        late = recalls.leases_past_term(self._office.region, now_ms, self._office.lease_key)
        self._mailroom.send(
            (incarnation, wire.Inquire(leases)) for incarnation, leases in late.items()
        )

    def _pace(self, now_ms: int) -> None:
        """A new sheet each interval; the old one again when Redis has forgotten it."""
        if self._sheet is None:
            self._sheet = PacingSheet(self._participation_before())
        if not 0 <= now_ms - self._paced_ms < self._office.times.pacing_interval_ms:
            self._paced_ms = now_ms
            self._sheet.update(now_ms)
        elif self._redis.exists(wire.PACING):
            return
        self._redis.set(wire.PACING, msgspec.msgpack.encode(self._sheet.pacing(now_ms)))

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
