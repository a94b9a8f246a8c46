"""Outboxes of dead incarnations: found, fenced, shipped until the treasury says closed, kept, thrown away.

None of it keeps the live incarnation from serving: fencing reads a file in a thread, everything else is small.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bidder.banker import recovery
from bidder.banker.outbox import DAMAGE, OutboxError
from bidder.banker.relay import Relay, Stream
from bidder.banker.shelf import Shelf, Shelved
from bidder.banker.shipping import Shipping
from rtbplatform.kernel.clock import Clock
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.wire import Cursor, ToBanker

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
        own: bytes,
        shipping: Callable[[int], Shipping],
        retention_ms: int,
    ) -> None:
        self._shelf = shelf
        self._relay = relay
        self._clock = clock
        self._own = own
        self._shipping = shipping
        self._retention_ms = retention_ms
        self._recovering: dict[bytes, tuple[Shelved, Stream]] = {}
        self._resting: dict[bytes, int] = {}
        """Closed ones, and when they were closed (wall time)."""

    @property
    def recovering(self) -> int:
        return len(self._recovering)

    async def watch(self) -> None:
        """For ever: looks for files whose bankers are dead."""
        while True:
            held = {self._own, *self._recovering, *self._resting}
            for incarnation in self._shelf.abandoned(held):
                await self._take(incarnation)
            self._delete_old()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _take(self, incarnation: bytes) -> None:
        shelved = self._shelf.open(incarnation)
        if shelved is None:
            return
        try:
            closed_ms = shelved.outbox.closed_ms()
            if closed_ms is not None:
                self._resting[incarnation] = closed_ms
                shelved.release()
                return
            fenced = await asyncio.to_thread(
                recovery.fence, shelved.outbox, incarnation, self._clock.wall_ms()
            )
        except (OutboxError, *DAMAGE) as error:
            self._shelf.quarantine(shelved, str(error))
            return
        stream = Stream(
            shelved.identity,
            shelved.outbox,
            self._shipping(shelved.outbox.settled_seq()),
            lambda message: self._receive(incarnation, message),
        )
        self._recovering[incarnation] = (shelved, stream)
        self._relay.add(stream)
        found = "fenced" if fenced else "was fenced before"
        log.info("outbox of dead incarnation %s %s; shipping it", uuid_text(incarnation), found)

    def _receive(self, incarnation: bytes, message: ToBanker) -> None:
        """Only cursors matter to a stream that has ended: the fence answers everything else."""
        known = self._recovering.get(incarnation)
        if known is None or not isinstance(message, Cursor) or message.incarnation != incarnation:
            return
        shelved, stream = known
        last_seq = shelved.outbox.head().last_seq
        if message.settled_seq > last_seq:
            log.error("the treasury claims more of %s than there is", uuid_text(incarnation))
            return
        stream.shipping.cursor(message.settled_seq, message.state, self._clock.boot_ms())
        if message.state == "closed" and message.settled_seq == last_seq:
            self._rest(incarnation, shelved, stream)

    def _rest(self, incarnation: bytes, shelved: Shelved, stream: Stream) -> None:
        now_ms = self._clock.wall_ms()
        shelved.outbox.write_cursor(stream.shipping.settled_seq, now_ms)
        self._relay.remove(stream)
        del self._recovering[incarnation]
        self._resting[incarnation] = now_ms
        shelved.release()
        log.info("dead incarnation %s is settled to its end", uuid_text(incarnation))

    def _delete_old(self) -> None:
        before_ms = self._clock.wall_ms() - self._retention_ms
        for incarnation in [key for key, closed in self._resting.items() if closed < before_ms]:
            del self._resting[incarnation]
            shelved = self._shelf.open(incarnation)
            if shelved is not None:
                self._shelf.delete(shelved)
