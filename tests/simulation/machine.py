"""A machine: its clock, its disk, one banker and one bidder worker, and how they are started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import ProtocolTimes
from tests.simulation.banker import Banker
from tests.simulation.disks import Disk
from tests.simulation.redis_box import RedisBox
from tests.simulation.worker import Worker
from tests.simulation.world import MachineClock, World

if TYPE_CHECKING:
    from tests.simulation.truth import Truth

RESTART_MS = (300, 4_000)


class Settings(Struct, frozen=True):
    """What all processes of a platform share."""

    times: ProtocolTimes
    lease_key: bytes
    notice_key: bytes
    calendar: BudgetCalendar


class Machine:
    """One pod."""

    def __init__(
        self, world: World, name: str, region: str, settings: Settings, box: RedisBox, truth: Truth
    ) -> None:
        self.world, self.name, self.region, self.settings = world, name, region, settings
        self.redis, self.truth = box, truth
        self.clock = MachineClock(world)
        self.disk = Disk(f"machine {name}", truth)
        self.loses_power = False
        """When its banker dies next, the whole machine does."""
        self.is_ending = False
        self.worker = Worker(self)
        self.banker = Banker(self)
        self.banker.after(0, self.banker.start)

    def banker_died(self, banker: Banker) -> None:
        if self.loses_power:
            self.loses_power = False
            for file in self.disk.files.values():
                file.power_cut()
        self.worker.banker_lost(banker)
        self.world.stage.after(self._restart_ms(), self._start_banker, banker)

    def worker_died(self) -> None:
        self.world.stage.after(self._restart_ms(), self._start_worker, self.worker.life)

    def worker_hello(self) -> None:
        """Banker and worker find each other."""
        if self.worker.is_alive:
            self.worker.after(1, self.worker.connects)

    def power_cut(self) -> None:
        """All processes end at once; what was not fsynced is gone."""
        for file in self.disk.files.values():
            file.power_cut()
        if self.banker.is_alive:
            self.banker.die()
        if self.worker.is_alive:
            self.worker.die()

    def heals(self) -> None:
        """All faults are over."""
        self.loses_power = False
        for actor in (self.banker, self.worker):
            actor.crash_in = actor.pauses_busy_ms = 0
            actor.resume()
        for file in self.disk.files.values():
            file.fails = ""

    def ends(self) -> None:
        """SIGTERM for the banker."""
        self.is_ending = True
        if self.worker.is_alive:
            self.worker.report()
        if self.banker.is_alive:
            self.banker.after(20, self.banker.end)

    def _restart_ms(self) -> int:
        return self.world.random.randrange(*RESTART_MS)

    def _start_banker(self, died: Banker) -> None:
        if self.banker is not died:
            return
        self.banker = Banker(self)
        self.world.note(self.banker.name, "starts", self.banker.incarnation)
        self.banker.after(0, self.banker.start)

    def _start_worker(self, life: int) -> None:
        if self.worker.life == life and not self.worker.is_alive:
            self.worker.starts()
            self.worker_hello()
