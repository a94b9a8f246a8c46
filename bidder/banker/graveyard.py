"""Outboxes of dead incarnations: found, fenced, shipped until the treasury says closed, kept, thrown away.

The shell around `dead_streams`, which decides. None of it keeps the live incarnation from serving: fencing reads a file
in a thread, everything else is small.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from bidder.banker import recovery
from bidder.banker.dead_streams import DeadStreams, Step
from bidder.banker.outbox import DAMAGE, OutboxError
from bidder.banker.relay import Relay, Stream
from bidder.banker.shelf import Shelf, Shelved
from rtbplatform.kernel.clock import Clock
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.wire import ToBanker

LOOK_EVERY_S = 2.0
"""A banker that lives now (an old process that is still stopping) may be dead at the next look."""
log = logging.getLogger(__name__)


class Graveyard:
    """All foreign outboxes in the folder."""

    def __init__(
        self,
        *,
        shelf: Shelf,
        relay: Relay,
        clock: Clock,
        dead: DeadStreams,
        copies_changed: Callable[[], None],
    ) -> None:
        """`copies_changed` is called when a file was put to quarantine: the treasury must know of it."""
        self._shelf = shelf
        self._relay = relay
        self._clock = clock
        self._dead = dead
        self._copies_changed = copies_changed
        self._quarantined = shelf.quarantined
        self._files: dict[bytes, tuple[Shelved, Stream]] = {}
        self._look = asyncio.Event()

    @property
    def recovering(self) -> int:
        return len(self._files)

    def look_now(self) -> None:
        """There is something to do: a census has roused what rested."""
        self._look.set()

    async def watch(self) -> None:
        """For ever: looks for files whose bankers are dead."""
        while True:
            self._look.clear()
            for incarnation in self._dead.to_open(self._shelf.abandoned()):
                await self._take(incarnation)
            for incarnation in self._dead.to_delete(self._clock.wall_ms()):
                self._delete(incarnation)
            if self._shelf.quarantined != self._quarantined:
                self._quarantined = self._shelf.quarantined
                self._copies_changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._look.wait()

    async def _take(self, incarnation: bytes) -> None:
        shelved = self._shelf.open(incarnation)
        if shelved is None:
            self._dead.gone(incarnation)
            return
        try:
            closed_ms = shelved.outbox.closed_ms()
            if self._dead.opened(incarnation, closed_ms) is Step.REST:
                shelved.release()
                return
            fenced = await asyncio.to_thread(
                recovery.fence, shelved.outbox, incarnation, self._clock.wall_ms()
            )
        except (OutboxError, *DAMAGE) as error:
            self._dead.gone(incarnation)
            self._shelf.quarantine(shelved, str(error))
            return
        outbox = shelved.outbox
        dead = self._dead.shipped_from(
            incarnation, outbox.head().last_seq, outbox.settled_seq(), closed_ms
        )
        stream = Stream(
            shelved.identity,
            outbox,
            dead.shipping,
            lambda message: self._receive(incarnation, message),
        )
        self._files[incarnation] = (shelved, stream)
        self._relay.add(stream)
        found = "fenced" if fenced else "was fenced before"
        log.info("outbox of dead incarnation %s %s; shipping it", uuid_text(incarnation), found)

    def _receive(self, incarnation: bytes, message: ToBanker) -> None:
        dead = self._dead.shipped.get(incarnation)
        step = self._dead.receive(
            incarnation, message, self._clock.boot_ms(), self._clock.wall_ms()
        )
        if step is Step.REST and dead is not None:
            shelved, stream = self._files.pop(incarnation)
            shelved.outbox.write_cursor(dead.shipping.settled_seq, dead.closed_ms)
            self._relay.remove(stream)
            shelved.release()
            log.info("dead incarnation %s rests", uuid_text(incarnation))

    def _delete(self, incarnation: bytes) -> None:
        shelved = self._shelf.open(incarnation)
        if shelved is not None:
            self._shelf.delete(shelved)
            log.info(
                "outbox of %s is older than the retention window: deleted", uuid_text(incarnation)
            )
