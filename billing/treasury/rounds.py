"""What a treasury does again and again: the coordinator's tick, and mail about leases that should come back, and marks.

Plain: it has no clock, threads or Redis of its own. A round that fails is done again at the next tick.
"""

from __future__ import annotations

from billing.escrow import marks, upkeep
from billing.escrow.grants import Office
from billing.escrow.journal import Journal
from billing.escrow.store import EscrowStore
from billing.treasury.ports import Mail
from rtbplatform.kernel.wire import Inquire, Recall


class Rounds:
    """One region's."""

    def __init__(self, mail: Mail, store: EscrowStore, journal: Journal, office: Office) -> None:
        self._mail, self._store, self._journal, self._office = mail, store, journal, office
        self._reminders = marks.Reminders(office.times.mark_retry_ms)
        self._inquired_ms = 0

    def tick(self, now_ms: int) -> None:
        """Raises what store, journal and mail raise."""
        store, office = self._store, self._office
        upkeep.tick(store, self._journal, office.region, office.times, now_ms)
        recalled = store.leases_to_recall(office.region, now_ms)
        self._mail.send((one, Recall(leases)) for one, leases in recalled.items())
        self._mail.send(self._reminders.due(marks.owed(store, office.region), now_ms))
        if not 0 <= now_ms - self._inquired_ms < office.times.inquiry_interval_ms:
            self._inquired_ms = now_ms
            late = store.leases_past_term(office.region, now_ms, office.lease_key)
            self._mail.send((one, Inquire(leases)) for one, leases in late.items())
