"""One thread, one queue, one clock, one source of chance: a seed's world is the same every time.

Everything that happens is an event of an actor (a process, a disk's owner, the exchange, a person). Shells call `point`
before and after every effect that outlives a process; an armed crash strikes at one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from tests.simulation.coverage import Coverage

START_MS = 1_000_000_000_000


class Violation(AssertionError):  # noqa: N818 - of an invariant
    """An invariant does not hold; `about` names the campaign-days, leases and debits that it concerns."""

    def __init__(self, invariant: str, text: str, about: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant, self.about = invariant, about


class Crash(BaseException):
    """A process ends here, in the middle of what it does. Not an Exception: production code must not catch it."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor


class Actor:
    """Something that acts, and can stop to: its events die with its life and wait while it is paused."""

    def __init__(self, world: World, name: str, region: str | None) -> None:
        self.world, self.name, self.region = world, name, region
        self.life = 0
        self.is_alive = True
        self.is_paused = False
        self.waiting: list[tuple[Any, ...]] = []
        self.pauses_busy_ms = 0
        """It is to be paused in the middle of the next thing that somebody waits for."""
        self.crash_in = 0

    def after(self, delay_ms: int, act: Callable[..., None], *values: Any) -> None:
        """An event of this life."""
        world = self.world
        world.no += 1
        heappush(world.queue, (world.now + delay_ms, world.no, self, self.life, act, values))

    def point(self) -> None:
        """Before or after an effect: where a crash may strike."""
        if self.crash_in:
            self.crash_in -= 1
            if not self.crash_in:
                raise Crash(self)

    def die(self) -> None:
        self.life += 1
        self.is_alive = False
        self.crash_in = 0

    def pause(self, for_ms: int) -> None:
        """SIGSTOP: it does nothing, and its clocks go on."""
        self.is_paused = True
        self.world.stage.after(for_ms, self.resume)

    def busy(self) -> None:
        """In the middle of something."""
        if self.pauses_busy_ms:
            for_ms, self.pauses_busy_ms = self.pauses_busy_ms, 0
            self.pause(for_ms)

    def resume(self) -> None:
        """SIGCONT: what waited happens now, in its order."""
        self.is_paused = False
        waiting, self.waiting = self.waiting, []
        for _, _, actor, life, act, values in waiting:
            self.world.no += 1
            heappush(self.world.queue, (self.world.now, self.world.no, actor, life, act, values))


class World:
    """Time, chance and the queue."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = START_MS
        self.no = 0
        self.queue: list[tuple[int, int, Actor, int, Callable[..., None], tuple[Any, ...]]] = []
        self.steps = 0
        self.coverage = Coverage()
        self.tracing = tracing
        self.traced: list[tuple[int, str, str, tuple[Any, ...]]] = []
        self.stage = Actor(self, "stage", None)

    def bytes(self, count: int) -> bytes:
        return self.random.getrandbits(8 * count).to_bytes(count, "big")

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def note(self, who: str, what: str, *about: Any) -> None:
        """For the trace of a failing seed."""
        if self.tracing:
            self.traced.append((self.now, who, what, about))

    def step(self) -> bool:
        """The next event; False when there is none."""
        if not self.queue:
            return False
        at, _, actor, life, act, values = heappop(self.queue)
        if actor.life != life:
            return True
        if actor.is_paused:
            actor.waiting.append((at, 0, actor, life, act, values))
            return True
        self.now = max(self.now, at)
        self.steps += 1
        try:
            act(*values)
        except Crash as crash:
            self.note(crash.actor.name, "crashes")
            crash.actor.die()
        return True


class MachineClock:
    """A machine's two clocks (`kernel.clock.Clock`)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset_ms = 0
        """Of its calendar, which may be wrong and jump."""
        self._boot_ms = world.random.randrange(1_000, 1_000_000) - world.now

    def wall_ms(self) -> int:
        return self._world.now + self.offset_ms

    def boot_ms(self) -> int:
        return self._world.now + self._boot_ms
