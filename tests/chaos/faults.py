"""Carries out a schedule of faults, each in a thread of its own, and keeps a record of what was done."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg

from tests.acceptance.platform import NotAcceptedError, tell
from tests.acceptance.truth import now_ms
from tests.chaos import stores
from tests.chaos.clerk import Clerk
from tests.chaos.confirm import confirm_as_a_person
from tests.chaos.hands import Hands
from tests.chaos.mischief import Mischief
from tests.chaos.schedule import REGIONS, Planned

COPY_AGE_S = (3.0, 30.0)
CUT, RAISED = (0.3, 0.9), (1.2, 1.8)
"""What an edit makes of the first budget."""


class Done(msgspec.Struct):
    """A fault as it happened, in Unix ms."""

    kind: str
    target: str
    from_ms: int
    to_ms: int = 0
    failed: str = ""


class Faults:
    """One run's."""

    def __init__(
        self, hands: Hands, clerk: Clerk, seed: int, campaigns: list[int], *, short: bool
    ) -> None:
        self.done: list[Done] = []
        self.doubled = self.shuffled = 0
        self._hands, self._clerk = hands, clerk
        self._rng = random.Random(f"doing/{seed}")
        self._campaigns = campaigns
        self._short = short
        self._postgres = threading.Lock()
        # What only the lost transactions and a lost disk knew is gone: two copies, and only one may be destroyed.
        self._one_copy = threading.Lock()
        self.restored = False
        """Whether a database was set back, whatever came of it."""
        self._redis_copies: dict[str, Path] = {}
        self._threads: list[threading.Thread] = []

    def run(self, schedule: list[Planned]) -> None:
        """Until the last has ended. A fault that could not be done is told, not fatal."""
        self._copy_redis()
        start_s = time.monotonic()
        for planned in schedule:
            self._hands.wait(max(0.0, start_s + planned.at_s - time.monotonic()))
            thread = threading.Thread(target=self._do, args=(planned,), daemon=True)
            thread.start()
            self._threads.append(thread)
        for thread in self._threads:
            thread.join()

    def counts(self) -> Counter[str]:
        return Counter(one.kind for one in self.done if not one.failed)

    def _copy_redis(self) -> None:
        for region in REGIONS:
            copy = stores.copy_redis(self._hands, region)
            if copy is not None:
                self._redis_copies[region] = copy

    def _do(self, planned: Planned) -> None:
        done = Done(planned.kind, planned.target, now_ms())
        self.done.append(done)
        start_s = time.monotonic()
        try:
            self._carry_out(planned)
        except (NotAcceptedError, OSError, psycopg.Error, subprocess.SubprocessError) as error:
            done.failed = " ".join(str(error).split())[:200]
        done.to_ms = now_ms()
        said = f"NOT DONE: {done.failed}" if done.failed else ""
        tell(
            f"fault     {time.monotonic() - start_s:5.1f} s  {planned.kind}: {planned.target} {said}"
        )

    def _carry_out(self, planned: Planned) -> None:
        verb, _, what = planned.kind.partition(" ")
        special: dict[str, Callable[[], object]] = {
            "empty redis": lambda: self._empty(planned.target),
            "restore redis": lambda: self._restore_redis(planned.target),
            "restore postgres": self._restore_postgres,
            "fill outbox": lambda: self._hands.fill_disk(f"banker-{planned.target}"),
            "delete outbox": lambda: self._delete_outbox(planned.target),
            "double and shuffle mail": lambda: self._meddle(planned),
            "cut budget": lambda: self._edit(CUT),
            "raise budget": lambda: self._edit(RAISED),
            "pause campaign": lambda: self._pause(planned.lasts_s),
        }
        if planned.kind in special:
            special[planned.kind]()
        elif what == "postgres":
            with self._postgres:
                self._signal(verb, planned)
        else:
            self._signal(verb, planned)

    def _signal(self, verb: str, planned: Planned) -> None:
        if verb == "kill":
            self._hands.kill(planned.target)
        else:
            self._hands.stop(planned.target, planned.lasts_s)

    def _empty(self, region: str) -> None:
        try:
            with stores.redis_client(self._hands, region) as client:
                client.flushall()
        except stores.redis.RedisError as error:
            raise NotAcceptedError(f"Redis of {region} is away: {error}") from error

    def _restore_redis(self, region: str) -> None:
        copy = self._redis_copies.pop(region, None)
        newer = stores.copy_redis(self._hands, region)
        if newer is not None:
            self._redis_copies[region] = newer
        if copy is None:
            raise NotAcceptedError(f"no copy of Redis of {region} could be taken")
        stores.restore_redis(self._hands, region, copy)

    def _restore_postgres(self) -> None:
        age_s = self._rng.uniform(*COPY_AGE_S) / (5 if self._short else 1)
        with self._one_copy:
            with self._postgres:
                copy, copy_ms = stores.copy_postgres(self._hands)
            self._hands.wait(age_s)
            with self._postgres:
                stores.restore_postgres(self._hands, copy)
            self.restored = True
            for campaign in self._clerk.restored(copy_ms):
                tell(f"          campaign {campaign} is not what its owner wants")
            confirm_as_a_person(self._hands.platform)

    def _delete_outbox(self, region: str) -> None:
        with self._one_copy:
            self._hands.delete_outbox(f"banker-{region}")

    def _meddle(self, planned: Planned) -> None:
        mischief = Mischief(self._hands, planned.target, random.Random(self._rng.random()))
        mischief.run(planned.lasts_s)
        self.doubled += mischief.doubled
        self.shuffled += mischief.shuffled

    def _edit(self, factors: tuple[float, float]) -> None:
        campaign = self._rng.choice(self._campaigns)
        budget_micros = int(self._clerk.first[campaign] * self._rng.uniform(*factors))
        if not self._clerk.budget(campaign, budget_micros):
            raise NotAcceptedError(f"campaign {campaign}: no acknowledgement")

    def _pause(self, seconds: float) -> None:
        campaign = self._rng.choice(self._campaigns)
        done = self._clerk.pause(campaign)
        self._hands.wait(seconds)
        if not (self._clerk.resume(campaign) and done):
            raise NotAcceptedError(f"campaign {campaign}: no acknowledgement")
