"""The treasury's threads, put together: desk, settler, coordination, snapshot publisher, listener."""

from __future__ import annotations

from typing import Any

import structlog
from django_scopes import scopes_disabled

from billing.escrow.grants import Office
from billing.escrow.incarnations import open_cursors
from billing.settlement.postgres import PgSettlementStore
from billing.treasury.coordination import Coordination
from billing.treasury.database_clock import DatabaseClock
from billing.treasury.desk import Desk
from billing.treasury.journal_file import open_journal
from billing.treasury.listener import Listener
from billing.treasury.mailroom import Mailroom, connect
from billing.treasury.publishing import Publishing
from billing.treasury.rounds import Rounds
from billing.treasury.settler import Settler
from billing.treasury.worker import Stopping, Worker
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.clock import SystemClock
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.kernel.settings import Platform
from rtbplatform.kernel.wire import LEASE_PURPOSE

log = structlog.get_logger(__name__)

STOP_TIMEOUT_S = 10


class Treasury:
    """One region's treasury. Several may run: everything they do goes through the same locked rows."""

    def __init__(self, settings: Platform) -> None:
        """Raises SettingsError when the journal's file cannot be used."""
        self.stopping = Stopping()
        times = ProtocolTimes().divided(settings.protocol_time_divisor)
        self._office = Office(settings.region, times, derive(settings.rtb_secret, LEASE_PURPOSE))
        client = connect(settings.redis_url)
        self.mailroom = Mailroom(client, settings.region, settings.rtb_secret)
        self._store = PgSettlementStore(BudgetCalendar(settings.budget_day_seconds))
        clock = DatabaseClock(SystemClock(), self._store.now_ms)
        self._journal = open_journal(settings.treasury_journal)
        journal = self._journal.journal
        lease_key = self._office.lease_key
        self.settler = Settler(self.mailroom, self._store, lease_key, self.stopping.wait)
        rounds = Rounds(self.mailroom, self._store, journal, self._office)
        self._coordination = Coordination(rounds, client, self._office, clock, self._numbers)
        self._desk = Desk(
            self.mailroom,
            self._store,
            journal,
            self._office,
            clock,
            self.settler.offer,
            self._coordination.needs,
        )
        self._publishing = Publishing(settings)
        self._listener = Listener(self._wake)
        self._greeted = False

    def run(self) -> int:
        """Until `stopping` is set; the exit code."""
        steps = {
            "desk": self._desk_step,
            "settler": self.settler.step,
            "coordination": self._coordination.step,
            "publishing": self._publishing.step,
            "listener": self._listener.step,
        }
        workers = [
            Worker(name, scopes_disabled()(step), self.stopping) for name, step in steps.items()
        ]
        for worker in workers:
            worker.start()
        log.info("treasury started", region=self._office.region)
        self.stopping.wait()
        self._wake()
        for worker in workers:
            worker.join(STOP_TIMEOUT_S)
        self._listener.close()
        self._journal.close()
        log.info("treasury stopped", region=self._office.region, failed=self.stopping.failed)
        return 1 if self.stopping.failed else 0

    def _desk_step(self) -> None:
        if not self._greeted:
            cursors = open_cursors(self._store, self._office.region)
            self.mailroom.send((cursor.incarnation, cursor) for cursor in cursors)
            self._greeted = True
        self._desk.step()

    def _wake(self) -> None:
        self._coordination.wake()
        self._publishing.wake()

    def _numbers(self) -> dict[str, Any]:
        return {
            **self.mailroom.counts,
            "settled_entries": self.settler.settled_entries,
            "waiting_bytes": self.settler.waiting_bytes,
        }
