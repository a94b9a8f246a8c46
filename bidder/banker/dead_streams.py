"""What to do with the outboxes of dead incarnations: which to open, fence, ship, let rest, rouse and throw away.

Plain decisions: the graveyard brings files, clock and mail. A dead stream is shipped until the treasury has settled it to
its end; then it rests for the retention window (R5). A census rouses all that rest: the restored ledger may have lost
them, and says "closed" at once when it has not.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterable

import msgspec

from bidder.banker.shipping import Shipping
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.wire import Cursor, ToBanker

log = logging.getLogger(__name__)


class Step(enum.Enum):
    """What the shell does next with a file."""

    NOTHING = "nothing"
    SHIP = "ship"
    """Fence it (`recovery.fence` does so once), tell `shipped_from`, register it and ship it."""
    REST = "rest"
    """Write cursor and `closed_ms`, ship it no more, and close the file."""


class Dead(msgspec.Struct, eq=False):
    """A dead incarnation's stream on its way."""

    last_seq: int
    shipping: Shipping
    closed_ms: int | None
    """When the treasury had settled all of it (wall time); None = it has not, or has lost some of it again."""


class DeadStreams:
    """All incarnations on this disk but the one that lives."""

    def __init__(
        self, own: bytes, new_shipping: Callable[[int], Shipping], retention_ms: int
    ) -> None:
        """`new_shipping` makes a `Shipping` from a settled seq."""
        self._own = own
        self._new_shipping = new_shipping
        self._retention_ms = retention_ms
        self._shipped: dict[bytes, Dead] = {}
        self._resting: dict[bytes, int | None] = {}
        self._roused: set[bytes] = set()

    @property
    def shipped(self) -> dict[bytes, Dead]:
        return self._shipped

    @property
    def resting(self) -> list[bytes]:
        return list(self._resting)

    @property
    def is_roused(self) -> bool:
        """Whether files that rested wait to be opened again: look at once."""
        return bool(self._roused)

    def to_open(self, found: Iterable[bytes]) -> list[bytes]:
        """Of the incarnations whose files lie here, those to open now (one whose banker lives cannot be opened)."""
        held = {self._own, *self._shipped, *self._resting}
        return [incarnation for incarnation in found if incarnation not in held]

    def opened(self, incarnation: bytes, closed_ms: int | None) -> Step:
        """An outbox is open and locked: SHIP, or REST when it was settled to its end before."""
        if closed_ms is not None and incarnation not in self._roused:
            self._resting[incarnation] = closed_ms
            return Step.REST
        return Step.SHIP

    def shipped_from(
        self, incarnation: bytes, last_seq: int, settled_seq: int, closed_ms: int | None
    ) -> Dead:
        """It is fenced and ends at `last_seq`; `settled_seq` and `closed_ms` as it says itself."""
        self._roused.discard(incarnation)
        dead = Dead(last_seq, self._new_shipping(settled_seq), closed_ms)
        self._shipped[incarnation] = dead
        return dead

    def gone(self, incarnation: bytes) -> None:
        """Its file was put to quarantine on this disk, or cannot be read now."""
        self._roused.discard(incarnation)
        self._shipped.pop(incarnation, None)

    def receive(self, incarnation: bytes, message: ToBanker, boot_ms: int, wall_ms: int) -> Step:
        """Mail of a dead incarnation. Only cursors matter: the fence answers everything else.

        At REST, `closed_ms` of what was `shipped` is to be written to the file; None with a quarantined stream, so that
        every start of a banker asks for it again."""
        dead = self._shipped.get(incarnation)
        if dead is None or not isinstance(message, Cursor) or message.incarnation != incarnation:
            return Step.NOTHING
        if message.state == "quarantined":
            log.error(
                "QUARANTINE: the treasury has put dead incarnation %s aside: its file is kept, for a person",
                uuid_text(incarnation),
            )
            dead.closed_ms = None
            return self._rest(incarnation, dead)
        if message.settled_seq > dead.last_seq:
            log.error("the treasury claims more of %s than there is", uuid_text(incarnation))
            return Step.NOTHING
        if message.state == "closed":
            if message.settled_seq < dead.last_seq:
                log.error("the treasury has closed %s before its end", uuid_text(incarnation))
                return Step.NOTHING
            dead.shipping.cursor(message.settled_seq, message.state, boot_ms)
            dead.closed_ms = dead.closed_ms or wall_ms
            return self._rest(incarnation, dead)
        dead.shipping.cursor(message.settled_seq, message.state, boot_ms)
        dead.closed_ms = None
        return Step.NOTHING

    def rouse(self) -> None:
        """A census: all that rest are opened and shipped again, and all that are shipped register again."""
        self._roused |= self._resting.keys()
        self._resting.clear()
        for dead in self._shipped.values():
            dead.shipping.register_again()

    def to_delete(self, wall_ms: int) -> list[bytes]:
        """Files settled to their end for longer than the retention window, forgotten here: delete them (R5)."""
        before_ms = wall_ms - self._retention_ms
        old = [
            incarnation
            for incarnation, closed_ms in self._resting.items()
            if closed_ms is not None and closed_ms < before_ms
        ]
        for incarnation in old:
            del self._resting[incarnation]
        return old

    def _rest(self, incarnation: bytes, dead: Dead) -> Step:
        del self._shipped[incarnation]
        self._resting[incarnation] = dead.closed_ms
        return Step.REST
