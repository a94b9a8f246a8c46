"""A treasury's process of one region: production's desk, settlement and rounds over the simulator's store and mail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from redis.exceptions import RedisError

from billing.escrow.grants import Office
from billing.escrow.incarnations import open_cursors
from billing.escrow.journal import Journal
from billing.treasury.chunks import Chunks
from billing.treasury.desk import Desk
from billing.treasury.rounds import Rounds
from billing.treasury.settler import settle_next
from rtbplatform.kernel import wire
from tests.simulation.memory_settlement import MemoryStore
from tests.simulation.redis_box import RedisBox
from tests.simulation.world import Actor, MachineClock, Violation, World

if TYPE_CHECKING:
    from tests.simulation.database import Database
    from tests.simulation.machine import Settings

AWAY = (OperationalError, RedisError, OSError)
BUSY_MS = (500, 2_000)
"""Between its rounds while a census is open, as often as in production; else"""
TICK_MS = (4_000, 11_000)
GATHER_MS = (300, 3_000)
RESTART_MS = (300, 3_000)


class JournalDisk:
    """One region's journal file, outside Postgres."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.users: set[Treasury] = set()


class Treasury(Actor):
    """One process. It is `memory_store.Wire` and `ports.Mail` of its own code."""

    def __init__(
        self,
        world: World,
        region: str,
        db: Database,
        box: RedisBox,
        settings: Settings,
        disk: JournalDisk,
    ) -> None:
        super().__init__(world, f"treasury {region}", region)
        self.db, self.box, self.settings, self.disk = db, box, settings, disk
        self.clock = MachineClock(world)
        self.cut = ""
        """to | from | both: the way to Postgres."""
        self.store = MemoryStore(db, self, settings.calendar)
        self._mailed: set[bytes] = set()
        self.start()

    def start(self) -> None:
        """A new process."""
        self.is_alive = True
        self._settles = False
        self._retry_ms = 100
        settings = self.settings
        office = Office(str(self.region), settings.times, settings.lease_key, self._new_id)
        self._open_journal()
        self.chunks = Chunks()
        self.desk = Desk(self, self.store, self.journal, office, self.clock, self.chunks.offer)
        self.rounds = Rounds(self, self.store, self.journal, office)
        self.box.readers["treasury"] = lambda: (self, self._read) if self.is_alive else None
        self.after(1, self._greet)
        self.hurry()

    def die(self) -> None:
        super().die()
        delay_ms = self.world.random.randrange(*RESTART_MS)
        self.world.stage.after(delay_ms, self._restart, self.life)

    def _restart(self, life: int) -> None:
        if self.life == life:
            self.start()

    def _greet(self) -> None:
        try:
            cursors = open_cursors(self.store, str(self.region))
            self.send((cursor.incarnation, cursor) for cursor in cursors)
        except AWAY:
            self.after(300, self._greet)
        self.after(1, self._read)

    # events
    def _read(self) -> None:
        try:
            messages = self.take(0)
            for message in messages:
                self._note(message)
            self._run(self.desk.handle, messages)
        except AWAY:
            self.after(300, self._read)
        self._settle_soon()

    def hurry(self) -> None:
        """The next round comes as soon as in production."""
        self._ticks_at_ms = self.world.now + self.world.random.randrange(1, 500)
        self.after(self._ticks_at_ms - self.world.now, self._tick, self._ticks_at_ms)

    def _tick(self, at_ms: int) -> None:
        if at_ms != self._ticks_at_ms:
            return
        try:
            self._run(self.rounds.tick, self.clock.wall_ms())
        except AWAY:
            self.world.note(self.name, "a store is away")
        self._read()
        is_busy = not self.db.is_up or not self.store.gate().is_open
        delay_ms = self.world.random.randrange(*(BUSY_MS if is_busy else TICK_MS))
        self._ticks_at_ms = self.world.now + delay_ms
        self.after(delay_ms, self._tick, self._ticks_at_ms)

    def _settle_soon(self) -> None:
        if not self._settles and self.chunks.ready():
            self._settles = True
            self.after(self.world.random.randrange(*GATHER_MS), self._settle)

    def _settle(self) -> None:
        self._settles = False
        try:
            for incarnation in self.chunks.ready():
                key = self.settings.lease_key
                entries = self._run(settle_next, self.store, self, self.chunks, key, incarnation)
                self._ran("settle" if entries else "duplicate")
        except AWAY:
            self.after(300, self._settle_soon)
        self._settle_soon()

    def _run(self, act: Any, *values: Any) -> Any:
        """Anything but a store that is away would end production's process: that must not happen."""
        try:
            return act(*values)
        except (*AWAY, Violation):
            raise
        except Exception as error:
            raise Violation("exception", f"{type(error).__name__}: {error}") from error

    # ports.Mail
    def take(self, timeout_s: float) -> list[Any]:
        taken: list[Any] = self.box.pop(self, "treasury", "treasury", 500)
        return taken

    def send(self, mail: Iterable[tuple[bytes, Any]]) -> None:
        for incarnation, message in mail:
            self._note(message, incarnation)
            self.box.push(self, "treasury", incarnation, [message])

    # memory_store.Wire
    def reach(self) -> None:
        self.point()
        if not self.db.is_up or self.cut:
            raise OperationalError("Postgres is away")

    def commits(self) -> None:
        self.point()
        if not self.db.is_up or self.cut in {"to", "both"}:
            raise OperationalError("Postgres is away")

    def committed(self) -> None:
        self.point()
        if self.cut == "lost answer":
            raise OperationalError("the answer does not come")

    def _open_journal(self) -> None:
        """As `billing.treasury.journal_file`: a damaged one is put aside, the only one who has it open compacts it."""
        disk = self.disk
        self.journal = Journal(self._append, disk.data, lambda: disk.data or b"")
        if self.journal.damage:
            disk.data = b""
        elif disk.data is not None and not any(one.is_alive for one in disk.users - {self}):
            disk.data = self.journal.compacted(self.clock.wall_ms())
        disk.users.add(self)

    def _append(self, line: bytes) -> None:
        """What a torn write left behind is cut off first."""
        self.point()
        data = self.disk.data or b""
        self.disk.data = data[: data.rfind(b"\n") + 1] + line
        self.point()

    def _new_id(self, now_ms: int) -> bytes:
        return now_ms.to_bytes(6, "big") + self.world.bytes(10)

    def _note(self, message: Any, to: bytes = b"") -> None:
        kind = type(message)
        if kind is wire.Refuse:
            self._ran("gate" if message.reason == "census" else "refuse")
        elif kind is wire.Grant:
            self._ran("repeat" if message.lease.id in self._mailed else "grant")
            self._mailed.add(message.lease.id)
        elif kind is wire.Register:
            self._ran("register")
        if self.world.tracing:
            self.world.note(self.name, kind.__name__.lower(), to, message)

    def tear_journal(self) -> None:
        """Killed in the middle of writing a line."""
        self.disk.data = (self.disk.data or b"") + b"0000"
        self.die()

    def _ran(self, step: str) -> None:
        if step:
            self.world.coverage.ran(step, self.region, self.world.now)
