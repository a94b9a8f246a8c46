"""A banker's process: production's book, group, mail, shipping and recovery, with the simulator's disk, Redis and loop.

What `bidder.banker.app`, `teller`, `relay` and `graveyard` do with sockets, timers and files happens here with events;
what they decide is the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from redis.exceptions import RedisError

from bidder.banker import group as groups
from bidder.banker import recovery
from bidder.banker.book import LeaseBook
from bidder.banker.dead_streams import DeadStreams, Step
from bidder.banker.demand import Demand
from bidder.banker.group import Group
from bidder.banker.mail import Mail
from bidder.banker.outbox import OutboxError
from rtbplatform.kernel import ipc
from tests.simulation.disks import DiskError
from tests.simulation.relay import HEARD, Relay, Stream, new_shipping
from tests.simulation.world import Actor, Crash

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

COMMIT_WAIT_MS = 2
LAZY_WAIT_MS = 10
PULSE_MS = (4_000, 9_000)  # production: 100 ms; money does not depend on it
LOOK_MS = 40_000
RETENTION_MS = 72 * 3_600_000


class Banker(Actor):
    """One incarnation, and the dead ones on its disk."""

    def __init__(self, machine: Machine) -> None:
        world = machine.world
        super().__init__(world, f"banker {machine.name}", machine.region)
        self.machine = machine
        self.clock = machine.clock
        self.times = machine.settings.times
        self.incarnation = world.bytes(16)
        machine.truth.bankers[self.incarnation] = self
        self.book = LeaseBook(self.incarnation, machine.settings.lease_key)
        self.demand = Demand(self.incarnation, self.times, world.random)
        self.group = Group(self.incarnation, self.book, self.demand)
        self.shipping = new_shipping(self.times)(0)
        self.dead = DeadStreams(self.incarnation, new_shipping(self.times), RETENTION_MS)
        self.mail = Mail(
            *(self.incarnation, self.group, self.book, self.demand, self.shipping, self.dead)
        )
        self.relay = Relay(self)
        self.workers: dict[int, Any] = {}
        self._flush_ms = 0
        self._copies: list[bytes] = []
        self.is_stopping = False

    def start(self) -> None:
        """Its first event."""
        disk = self.machine.disk
        file = disk.create(
            *(self, self.incarnation, self.machine.region, self.machine.name),
            self.clock.wall_ms(),
        )
        self.file = file
        self._copies = disk.copies()
        self._add(Stream(file, self.shipping))
        self._look()
        self._pulse()
        self.machine.worker_hello()

    def hello(self, connection: int, worker: Any) -> None:
        self.workers[connection] = worker
        worker.hear(ipc.Welcome(self.incarnation, self.machine.name, self.machine.region))
        worker.hear(ipc.Mirror(full=True, fundable=self.book.fundable_now(self.clock.boot_ms())))

    def hear(self, connection: int, messages: list[Any]) -> None:
        """What a worker has written."""
        worker = self.workers.get(connection)
        if worker is not None and not self.is_stopping:
            for message in messages:
                self._hear(connection, worker, message)

    def _hear(self, connection: int, worker: Any, message: Any) -> None:
        boot_ms = self.clock.boot_ms()
        if isinstance(message, ipc.Submit):
            refused = self.group.submit(connection, message, boot_ms)
            self.ran("debit")
            if refused is None:
                self._commit_soon(COMMIT_WAIT_MS)
                self.busy()
                return
            self.relay.post_requests()
            worker.hear(self._mirror(refused.unfundable))
            worker.hear(refused)
        elif isinstance(message, ipc.Outcomes):
            self.group.outcomes(message)
            self.ran("outcome")
            self._commit_soon(LAZY_WAIT_MS)
        elif isinstance(message, ipc.Notice):
            declined = self.group.notice(connection, message)
            self.ran("notice")
            if declined is None:
                self._commit_soon(COMMIT_WAIT_MS)
            else:
                worker.hear(declined)
        elif isinstance(message, ipc.Wanted):
            for advertiser, campaign, bid in message.campaigns:
                self.demand.wanted(advertiser, campaign, bid, boot_ms)
                request = self.demand.due(campaign, self.book.standing(campaign), boot_ms)
                if request is not None:
                    self.relay.post(request)

    def gone(self, connection: int) -> None:
        """A worker's connection has ended."""
        if self.workers.pop(connection, None) is not None:
            self.group.worker_gone(connection)
            self._commit_soon(COMMIT_WAIT_MS)

    def acknowledge(self, connection: int, acks: ipc.Acks) -> None:
        """`group.Replies`."""
        worker = self.workers.get(connection)
        if worker is None:
            return
        self.point()
        self.ran("acknowledge")
        campaigns = {line.campaign for one in acks.debits for line in one.lines}
        worker.hear(self._mirror(campaigns))
        worker.hear(acks)
        self.point()

    def _mirror(self, campaigns: Any) -> ipc.Mirror:
        boot_ms = self.clock.boot_ms()
        fundable = {one: self.book.fundable(one, boot_ms) for one in sorted(campaigns)}
        return ipc.Mirror(full=False, fundable=fundable)

    # commits
    def _commit_soon(self, wait_ms: int) -> None:
        if self.group.is_full:
            self._flush()
            return
        due_ms = self.world.now + wait_ms
        if not self._flush_ms or due_ms < self._flush_ms:
            self._flush_ms = due_ms
            self.after(wait_ms, self._flush_due, due_ms)

    def _flush_due(self, due_ms: int) -> None:
        if self._flush_ms == due_ms:
            self._flush()

    def _flush(self) -> None:
        self._flush_ms = 0
        if self.group.is_empty or self.is_stopping:
            return
        try:
            batch = groups.commit(
                self.group, self.file, self, self.clock.boot_ms(), self.clock.wall_ms()
            )
        except DiskError as error:
            self._fatal(error)
        if batch is not None:
            self.ran("commit")
            for row in batch.leases:
                if row.state != "open":
                    self.ran("seal" if row.state == "sealed" else "tombstone")
        self.relay.post_requests()
        self._tell_changes()
        self.relay.send()

    def _tell_changes(self) -> None:
        changed = self.book.take_changed()
        for worker in self.workers.values() if changed else ():
            worker.hear(self._mirror(changed))

    def _pulse(self) -> None:
        boot_ms = self.clock.boot_ms()
        if not self.is_stopping:
            self.group.lease_changes(self.book.tick(boot_ms), self.clock.wall_ms())
            for request in self.demand.tick(self.book.standing, boot_ms):
                self.relay.post(request)
        self.book.forget(boot_ms)
        if self.shipping.settled_seq != self.file.settled:
            self.file.write_cursor(self.shipping.settled_seq, None)
        self._flush()
        self.relay.send()
        self.after(self.world.random.randrange(*PULSE_MS), self._pulse)

    def _read(self, incarnation: bytes) -> None:
        """What lies in an incarnation's mailbox."""
        try:
            messages = self.machine.redis.pop(self, "bankers", incarnation, 200)
        except RedisError:
            return
        for message in messages:
            if incarnation == self.incarnation:
                self._receive(message)
            else:
                self._receive_dead(incarnation, message)
        if self.mail.is_fenced and not self.is_stopping:
            self._stop()
            return
        if not self.group.is_empty:
            self._commit_soon(COMMIT_WAIT_MS)
        elif any(
            one.shipping.registers or one.shipping.has_more for one in self.relay.streams.values()
        ):
            self.relay.soon()
        if self.dead.is_roused:
            self._look_once()

    def _receive(self, message: Any) -> None:
        self.ran(HEARD.get(type(message), ""))
        if self.world.tracing:
            self.world.note(self.name, type(message).__name__.lower(), message)
        self.mail.receive(message, self.clock.boot_ms(), self.clock.wall_ms())

    def _receive_dead(self, incarnation: bytes, message: Any) -> None:
        stream = self.relay.streams.get(incarnation)
        dead = self.dead.shipped.get(incarnation)
        step = self.dead.receive(incarnation, message, self.clock.boot_ms(), self.clock.wall_ms())
        if step is Step.REST and stream is not None and dead is not None:
            stream.file.write_cursor(dead.shipping.settled_seq, dead.closed_ms)
            stream.file.owner = None
            del self.relay.streams[incarnation]

    # dead streams
    def _look(self) -> None:
        self._look_once()
        self.after(LOOK_MS, self._look)

    def _look_once(self) -> None:
        disk = self.machine.disk
        for incarnation in self.dead.to_open(disk.found()):
            self._take(incarnation)
        if disk.copies() != self._copies:
            self._copies = disk.copies()
            self.shipping.register_again()

    def _take(self, incarnation: bytes) -> None:
        file = self.machine.disk.open(self, incarnation)
        if file is None:
            self.dead.gone(incarnation)
            return
        try:
            if self.dead.opened(incarnation, file.closed_ms()) is Step.REST:
                file.owner = None
                return
            recovery.fence(file, incarnation, self.clock.wall_ms())  # type: ignore[arg-type]
        except OutboxError:
            self.dead.gone(incarnation)
            self.machine.disk.set_aside(file)
            return
        except DiskError as error:
            self._fatal(error)
        self.ran("recover")
        self.ran("fence")
        dead = self.dead.shipped_from(
            incarnation, file.head().last_seq, file.settled_seq(), file.closed_ms()
        )
        self._add(Stream(file, dead.shipping))

    # life
    def _add(self, stream: Stream) -> None:
        incarnation = stream.file.incarnation
        self.relay.streams[incarnation] = stream
        read = lambda: self._read(incarnation)  # noqa: E731
        self.machine.redis.readers[incarnation] = lambda: (self, read) if self.is_alive else None
        self.relay.soon()

    def end(self) -> None:
        """SIGTERM: workers first, then the fence, then what is left is shipped."""
        if self.is_stopping:
            return
        for connection in list(self.workers):
            self.gone(connection)
        self.group.fence(self.clock.wall_ms(), "stopped")
        self._flush()
        self.is_stopping = True

    def _stop(self) -> NoReturn:
        """The treasury has ended this incarnation: production exits, and is started again."""
        self.end()
        raise Crash(self)

    def _fatal(self, error: Exception) -> NoReturn:
        """Ends the process without another write."""
        self.world.note(self.name, f"cannot go on: {error}")
        raise Crash(self)

    def die(self) -> None:
        super().die()
        self.machine.disk.processes_end(self)
        self.machine.banker_died(self)

    def ran(self, step: str) -> None:
        if step:
            self.world.coverage.ran(step, self.region, self.world.now)
