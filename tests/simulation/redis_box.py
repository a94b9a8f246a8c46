"""A region's Redis: mailboxes that forget, repeat, reorder, hold back and hand out old copies - and the ways to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from redis.exceptions import ConnectionError as RedisAway

from tests.simulation.world import Actor, World

LATENCY_MS = (1, 40)
ODD_SHARE = 0.006
"""Of all mail, what is doubled or late without any fault."""


class RedisBox:
    """Lists of messages. A push wakes the list's reader a moment later."""

    def __init__(self, world: World, region: str) -> None:
        self.world, self.region = world, region
        self.lists: dict[Any, deque[Any]] = {}
        self.readers: dict[Any, Callable[[], tuple[Actor, Callable[[], None]] | None]] = {}
        self._waking: dict[Any, tuple[Actor, int]] = {}
        self.is_up = True
        self.cut: dict[str, str] = {}
        """By side (treasury | bankers): to | from | both."""
        self.mangles: dict[str, int] = {}
        """How many of the next messages are dropped | doubled | swapped | late."""
        self.is_ideal = False
        """All faults are over."""
        self._copy: dict[Any, list[Any]] = {}

    def push(self, actor: Actor, side: str, box: Any, messages: list[Any]) -> None:
        """One pipeline. Raises RedisAway: before anything was written, or after all of it was."""
        actor.point()
        way = self.cut.get(side)
        if not self.is_up or way in {"to", "both"}:
            raise RedisAway("Redis is away")
        for message in messages:
            self._put(box, message)
        actor.point()
        if way == "from":
            raise RedisAway("the answer does not come")

    def pop(self, actor: Actor, side: str, box: Any, most: int) -> list[Any]:
        """Takes what is there. With the way back cut, what was taken is lost."""
        way = self.cut.get(side)
        if not self.is_up or way in {"to", "both"}:
            raise RedisAway("Redis is away")
        waiting = self.lists.get(box)
        taken: list[Any] = []
        while waiting and len(taken) < most:
            taken.append(waiting.popleft())
        if way == "from":
            raise RedisAway("the answer does not come")
        actor.point()
        return taken

    def emptied(self) -> None:
        self.lists.clear()

    def remember(self) -> None:
        """A copy is made, as backups and replicas are."""
        self._copy = {box: list(waiting) for box, waiting in self.lists.items()}

    def restored(self) -> None:
        """The old copy again: mail that was read comes again, newer mail is gone."""
        self.lists = {box: deque(waiting) for box, waiting in self._copy.items()}
        self.wake_all()

    def wake_all(self) -> None:
        for box, waiting in list(self.lists.items()):
            if waiting:
                self._wake(box, 1)

    def _put(self, box: Any, message: Any) -> None:
        if box not in self._copy or self.world.chance(0.1):
            self._copy.setdefault(box, []).append(message)
        waiting = self.lists.setdefault(box, deque())
        random = self.world.random
        if self.mangles:
            mangled = self._mangled()
        else:
            is_odd = not self.is_ideal and random.random() < ODD_SHARE
            mangled = random.choice(("late", "double")) if is_odd else None
        if mangled == "drop":
            return
        if mangled == "late":
            self.world.stage.after(random.randrange(200, 40_000), self._late, box, message)
            return
        if mangled == "swap" and waiting:
            waiting.insert(random.randrange(len(waiting)), message)
        else:
            waiting.append(message)
        if mangled == "double":
            waiting.append(message)
            self.world.stage.after(random.randrange(1, 20_000), self._late, box, message)
        self._wake(box, random.randrange(*LATENCY_MS))

    def _late(self, box: Any, message: Any) -> None:
        if self.is_up:
            self.lists.setdefault(box, deque()).append(message)
            self._wake(box, 1)

    def _mangled(self) -> str:
        kind = self.world.random.choice(list(self.mangles))
        self.mangles[kind] -= 1
        if self.mangles[kind] <= 0:
            del self.mangles[kind]
        return kind

    def _wake(self, box: Any, delay_ms: int) -> None:
        find = self.readers.get(box)
        reader = find() if find is not None else None
        if reader is not None:
            actor, read = reader
            if self._waking.get(box) != (actor, actor.life):
                self._waking[box] = (actor, actor.life)
                actor.after(delay_ms, self._woken, box, read)

    def _woken(self, box: Any, read: Callable[[], None]) -> None:
        self._waking.pop(box, None)
        read()
