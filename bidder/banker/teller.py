"""Serves the machine's workers: takes their messages, gathers a group, commits it, and only then answers.

The commit runs in this process's loop: it is a process of its own, and what arrives meanwhile waits in the sockets. An
error that is not a worker's ends the process at once, because a book in an unknown state must not commit anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from bidder.banker import group as groups
from bidder.banker.book import LeaseBook
from bidder.banker.demand import Demand
from bidder.banker.group import Group
from bidder.banker.numbers import Numbers
from bidder.banker.outbox import Outbox
from rtbplatform.kernel import ipc
from rtbplatform.kernel.clock import Clock
from rtbplatform.kernel.wire import LeaseRequest

LAZY_WAIT_S = 0.01
"""Records and outcomes that nobody waits for go with the next group, or after this."""
MIRROR_S = 0.02
log = logging.getLogger(__name__)


class Worker(Protocol):
    """A connection, as the teller sees it."""

    number: int
    """Unique in this process."""
    stale: set[int]
    """Campaigns whose fundable amount it has not been told."""

    def write(self, data: bytes) -> None:
        """Never raises: a worker that is gone is no error of others."""


class Teller:
    """One per banker. Its methods are called from the loop and do not wait."""

    def __init__(
        self,
        *,
        group: Group,
        book: LeaseBook,
        demand: Demand,
        outbox: Outbox,
        clock: Clock,
        wait_ms: int,
        numbers: Numbers,
        post: Callable[[LeaseRequest], None],
        committed: Callable[[], None],
    ) -> None:
        self._group = group
        self._book = book
        self._demand = demand
        self._outbox = outbox
        self._clock = clock
        self._wait_s = wait_ms / 1000
        self._numbers = numbers
        self._post = post
        self._committed = committed
        self._workers: dict[int, Worker] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._mirror_timer: asyncio.TimerHandle | None = None

    def hello(self, worker: Worker, welcome: ipc.Welcome) -> None:
        """A worker is there: it gets the whole mirror."""
        self._workers[worker.number] = worker
        mirror = ipc.Mirror(True, self._book.fundable_now(self._clock.boot_ms()))
        worker.write(ipc.frame(welcome) + ipc.frame(mirror))

    def submit(self, worker: Worker, message: ipc.Submit) -> None:
        refused = self._group.submit(worker.number, message, self._clock.boot_ms())
        if refused is None:
            self._commit_soon(self._wait_s)
            return
        self._numbers.refused += 1
        self._post_requests()
        worker.stale.update(refused.unfundable)
        worker.write(self._mirror(worker) + ipc.frame(refused))

    def record(self, _worker: Worker, message: ipc.Record) -> None:
        self._group.record(message)
        self._commit_soon(LAZY_WAIT_S)

    def outcomes(self, _worker: Worker, message: ipc.Outcomes) -> None:
        self._numbers.voids += len(message.void)
        self._numbers.unknown += len(message.unknown)
        self._group.outcomes(message)
        self._commit_soon(LAZY_WAIT_S)

    def notice(self, worker: Worker, message: ipc.Notice) -> None:
        declined = self._group.notice(worker.number, message)
        if declined is None:
            self._commit_soon(self._wait_s)
        else:
            worker.write(ipc.frame(declined))

    def lost(self, _worker: Worker, message: ipc.Lost) -> None:
        self._numbers.lost += message.dropped
        self._group.lost(message, self._clock.wall_ms())
        self._commit_soon(LAZY_WAIT_S)

    def wanted(self, _worker: Worker, message: ipc.Wanted) -> None:
        now_ms = self._clock.boot_ms()
        for advertiser, campaign, bid_micros in message.campaigns:
            self._demand.wanted(advertiser, campaign, bid_micros, now_ms)
            request = self._demand.due(campaign, self._book.standing(campaign), now_ms)
            if request is not None:
                self._post(request)

    def gone(self, worker: Worker) -> None:
        """A worker's connection has ended: what it did not report is UNKNOWN (R8)."""
        if self._workers.pop(worker.number, None) is None:
            return
        unknown = self._group.worker_gone(worker.number)
        self._numbers.unknown += unknown
        if unknown:
            log.warning("a worker is gone: %d debits are UNKNOWN and stay spent", unknown)
        self._commit_soon(self._wait_s)

    def changed(self) -> None:
        """Leases came or went by mail."""
        self._commit_soon(self._wait_s)

    def pulse(self) -> None:
        """Now and then, without traffic too: seals by timer, and asks for money."""
        now_ms = self._clock.boot_ms()
        self._group.lease_changes(self._book.tick(now_ms), self._clock.wall_ms())
        for request in self._demand.tick(self._book.standing, now_ms):
            self._post(request)
        if not self._group.is_empty:
            self._commit_soon(self._wait_s)

    def fence(self, reason: str) -> None:
        """Ends this incarnation's stream."""
        self._group.fence(self._clock.wall_ms(), reason)
        self.flush()

    def flush(self) -> None:
        """Commits the group now and answers its workers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group.is_empty:
            return
        with self._numbers.timing_commit():
            batch = groups.commit(
                self._group, self._outbox, self, self._clock.boot_ms(), self._clock.wall_ms()
            )
        if batch is not None:
            self._numbers.committed(batch.chunk, self._outbox.fsync_s)
        self._post_requests()
        self._committed()

    def acknowledge(self, connection: int, acks: ipc.Acks) -> None:
        """Implements `group.Replies`. The mirror goes first, so that a worker never counts a debit twice."""
        worker = self._workers.get(connection)
        if worker is not None:
            self._spread_changes()
            worker.write(self._mirror(worker) + ipc.frame(acks))

    def _post_requests(self) -> None:
        for request in self._group.requests:
            self._post(request)
        self._group.requests.clear()

    def _commit_soon(self, wait_s: float) -> None:
        if self._group.is_full:
            self.flush()
        else:
            due_s = self._loop.time() + wait_s
            if self._timer is None or self._due_s > due_s:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = self._loop.call_at(due_s, self.flush)
                self._due_s = due_s  # uvloop's handle of a call that is due at once has no `when`
        self._spread_changes()

    def _spread_changes(self) -> None:
        changed = self._book.take_changed()
        if not changed:
            return
        for worker in self._workers.values():
            worker.stale |= changed
        if self._mirror_timer is None:
            self._mirror_timer = self._loop.call_later(MIRROR_S, self._mirror_all)

    def _mirror_all(self) -> None:
        self._mirror_timer = None
        for worker in self._workers.values():
            if worker.stale:
                worker.write(self._mirror(worker))

    def _mirror(self, worker: Worker) -> bytes:
        """What changed since this worker was last told, as a frame; empty when nothing did."""
        if not worker.stale:
            return b""
        now_ms = self._clock.boot_ms()
        fundable = {campaign: self._book.fundable(campaign, now_ms) for campaign in worker.stale}
        worker.stale.clear()
        return ipc.frame(ipc.Mirror(False, fundable))
