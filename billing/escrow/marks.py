"""Marks: numbers that every stream is asked to contain, so that what stood before them is known to be settled.

A hold that is due gets a mark; once every unclosed incarnation has settled it, no billing notice that was accepted in
time is still on its way, and the hold is released. A census is a mark, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.escrow import coordinator
from billing.escrow.store import EscrowStore, Region
from billing.escrow.values import Day, Hold, Incarnation, Key, LeaseState
from rtbplatform.kernel.wire import Mark

RELEASE_MAX = 500
"""Holds per tick and region: what is left over is released at the next."""
ALL_MARKS = 2**62


def make(store: EscrowStore) -> int:
    """A new mark for the holds that are due, if any; how many got it. The horizon runs on the database's clock."""
    now_ms = store.now_ms()
    if not store.due_holds(now_ms, 1):
        return 0
    with store.transaction():
        if not store.gate().is_open:
            return 0
        return store.mark_due_holds(store.insert_mark(), now_ms)


def owed(store: EscrowStore, region: str) -> dict[bytes, Mark]:
    """What open incarnations of a region should write to their streams, and have not settled yet."""
    with store.transaction():
        gate = store.gate()
        mark = Mark(store.newest_mark(), gate.epoch)
        return {
            one.id: mark
            for one in store.unclosed(region)
            if one.state == "open" and (one.mark < mark.no or one.epoch < mark.epoch)
        }


class Reminders:
    """When which mark was sent to whom: mail is lost, so it is sent again while it is owed."""

    def __init__(self, retry_ms: int) -> None:
        self._retry_ms = retry_ms
        self._sent: dict[bytes, tuple[Mark, int]] = {}

    def due(self, owed: Mapping[bytes, Mark], now_ms: int) -> list[tuple[bytes, Mark]]:
        """A newer mark at once, the same one again after `retry_ms`."""
        self._sent = {one: sent for one, sent in self._sent.items() if one in owed}
        news = [(one, mark) for one, mark in owed.items() if self._is_due(one, mark, now_ms)]
        self._sent |= {one: (mark, now_ms) for one, mark in news}
        return news

    def _is_due(self, incarnation: bytes, mark: Mark, now_ms: int) -> bool:
        sent, at_ms = self._sent.get(incarnation, (None, 0))
        return sent != mark or not 0 <= now_ms - at_ms < self._retry_ms


def release(store: EscrowStore, limit: int = RELEASE_MAX) -> int:
    """Gives back holds whose mark every unclosed incarnation has settled; quarantines those whose notice may have died
    with a quarantined one. Returns how many holds changed."""
    with store.transaction():
        if not store.gate().is_open:
            return 0
        # In this order: an incarnation that is quarantined in between is among the quarantines then.
        settled_mark = min((one.mark for one in store.unclosed()), default=ALL_MARKS)
        quarantines = store.quarantines()
        found = store.holds_to_release(settled_mark, limit)
        if not found:
            return 0
        return _Release(store, found, quarantines).run(settled_mark)


def blocker(hold: Hold, quarantines: Sequence[Incarnation]) -> Incarnation | None:
    """The quarantined incarnation that may have accepted the hold's notice: it lived when the hold was made (its stream
    had not seen the quarantine's mark yet), and never settled the hold's mark."""
    for one in quarantines:
        is_older = hold.born_mark < (one.quarantine_mark or 0)
        if is_older and (hold.mark is None or one.mark < hold.mark):
            return one
    return None


class _Release:
    """One transaction's rows: the holds' campaign-days are locked, then everything is read again."""

    def __init__(
        self, store: EscrowStore, found: Sequence[Hold], quarantines: Sequence[Incarnation]
    ) -> None:
        self._store, self._quarantines = store, quarantines
        self._days: dict[Key, Day] = store.lock_days({hold.key for hold in found})
        self._regions: dict[tuple[Key, str], Region] = store.lock_regions(self._days)
        held = store.holds({hold.debit_id for hold in found})
        self._holds = [held[hold.debit_id, hold.imp] for hold in found]
        lines = (line for hold in self._holds for line in hold.lines)
        self._leases: dict[bytes, LeaseState] = store.leases({line.lease for line in lines})
        self._changed: set[Key] = set()

    def run(self, settled_mark: int) -> int:
        changed = [
            hold
            for hold in self._holds
            if hold.state == "held" and hold.mark is not None and hold.mark <= settled_mark
        ]
        released = [hold for hold in changed if not self._quarantined(hold)]
        for hold in released:
            self._give_back(hold)
        store = self._store
        store.save_days(self._days[key] for key in sorted(self._changed))
        places = {place: row for place, row in self._regions.items() if place[0] in self._changed}
        store.save_regions(places)
        store.save_leases([self._leases[one] for one in sorted(self._touched(released))])
        store.save_holds(changed)
        return len(changed)

    def _quarantined(self, hold: Hold) -> bool:
        blocking = blocker(hold, self._quarantines)
        if blocking is None:
            return False
        hold.state, hold.blocked_by = "quarantined", blocking.id
        self._keep(coordinator.move(self._days[hold.key], "held", "quarantined", hold.amount))
        return True

    def _give_back(self, hold: Hold) -> None:
        hold.state = "released"
        day, back = coordinator.release_hold(self._days[hold.key], hold, self._leases)
        for region, amount in back.items():
            self._regions.setdefault((hold.key, region), Region()).unleased += amount
        self._keep(day)

    def _keep(self, day: Day) -> None:
        self._days[day.key] = day
        self._changed.add(day.key)

    @staticmethod
    def _touched(released: Sequence[Hold]) -> set[bytes]:
        return {line.lease for hold in released for line in hold.lines}
