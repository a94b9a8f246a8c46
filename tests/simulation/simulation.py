"""A seed: three regions of two machines, two exchanges, a few campaigns, at least two days, and what goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from unittest.mock import patch

from billing.escrow.store import SpendKey
from billing.escrow.values import Scope
from billing.settlement import streams
from rtbplatform.kernel import ids, ipc
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.kernel.stream import Entry, chunk_entries
from tests.simulation import checks, faults
from tests.simulation.database import Campaign, Database
from tests.simulation.disks import File
from tests.simulation.exchange import HORIZON_MS, Exchange
from tests.simulation.machine import Machine, Settings
from tests.simulation.people import People
from tests.simulation.redis_box import RedisBox
from tests.simulation.striking import PAUSE_TERMS
from tests.simulation.treasury import JournalDisk, Treasury
from tests.simulation.truth import Truth
from tests.simulation.world import Violation, World

REGIONS = ("r1", "r2", "r3")
DAY_SECONDS = 50
DAYS = 2
TIMES = ProtocolTimes().divided(2)
REST_MS = 2 * TIMES.lease_term_ms + 30_000
ENDS_MS = TIMES.lease_term_ms + 5_000
"""After how much of it bankers are told to stop."""
LOOK_MS = 10_000
"""How often it is looked whether all is at rest already, once they were told."""
STEPS_MAX = 20_000
SETTINGS = Settings(TIMES, derive("s", "lease"), derive("s", "notice"), BudgetCalendar(DAY_SECONDS))
REMEMBER_MS = 10_000
AUDIENCE_S = 35
BURST_S = 40
"""The exchange that pays on notice asks in the first quarter of this: its holds end together, on few marks."""


class Simulation:
    """All that there is in a seed's world."""

    def __init__(
        self,
        seed: int,
        plan: Sequence[tuple[int, str]],
        *,
        steps: int = 0,
        tracing: bool = False,
    ) -> None:
        """`plan`: which fault strikes when (ms after the start). `steps`: rest begins there at the latest; 0 = at the
        end of the second day."""
        self.world = world = World(seed, tracing=tracing)
        self.settings = SETTINGS
        self.db = Database(world.random, lambda: world.now)
        self.truth = Truth(world, self.db)
        self.pause_ms = PAUSE_TERMS * TIMES.lease_term_ms
        self.boxes = [RedisBox(world, region) for region in REGIONS]
        self.people = People(self)
        self._found()
        self.founded_ms = world.now
        self.destroyed_ms = 0
        """When a disk was destroyed last."""
        self.journals = {region: JournalDisk() for region in REGIONS}
        self.treasuries: list[Treasury] = []
        for region in REGIONS:
            self.add_treasury(region)
        self.machines = [
            Machine(world, f"{box.region}-{number}", box.region, SETTINGS, box, self.truth)
            for box in self.boxes
            for number in (1, 2)
        ]
        self.exchanges = [
            Exchange(world, 1, 0, self.truth),
            Exchange(world, 2, HORIZON_MS, self.truth),
        ]
        self.pays_on_notice = self.exchanges[1]
        for exchange in self.exchanges:
            exchange.machines = self.machines
        self.ends_ms = world.now + (DAYS * DAY_SECONDS + 12) * 1000
        self.plan = list(plan)
        self.is_resting = False
        self._steps = steps or STEPS_MAX
        self._begin()

    def _found(self) -> None:
        """Advertisers, their money, their campaigns."""
        random, tables = self.world.random, self.db.tables
        tables.begin()
        number = 0
        for advertiser in (1, 2):
            tables.put(self.db.balances, advertiser, Scope(0, random.randrange(8_000, 60_000)))
            self.truth.limits[(advertiser,)] = checks.limit(self.db.balances[advertiser].limit)
            for _ in range(advertiser):
                number += 1
                campaign = Campaign(
                    *(advertiser, number, "UTC", random.randrange(800, 9_000)),
                    total=random.choice((None, None, random.randrange(2_000, 20_000))),
                    version=1,
                )
                tables.put(self.db.campaigns, number, campaign)
        tables.commit(self.world.now)

    def _begin(self) -> None:
        stage = self.world.stage
        for machine in self.machines:
            stage.after(self.world.random.randrange(1, 4_000), self._bids, machine)
        for at_ms, fault in self.plan:
            stage.after(at_ms, faults.FAULTS[fault], self)
        stage.after(REMEMBER_MS, self._remember)
        self.people.start()

    def add_treasury(self, region: str) -> None:
        box = next(one for one in self.boxes if one.region == region)
        self.treasuries.append(
            Treasury(self.world, region, self.db, box, self.settings, self.journals[region])
        )

    # traffic
    def _bids(self, machine: Machine) -> None:
        random = self.world.random
        if self.world.now < self.ends_ms:
            self.world.stage.after(int(random.expovariate(1 / 5_000)) + 1, self._bids, machine)
            if machine.worker.is_alive and not machine.worker.is_paused:
                machine.worker.report()
            second = (self.world.now - self.founded_ms) // 1000 % BURST_S
            asking = self.exchanges if second < BURST_S // 4 else self.exchanges[:1]
            for _ in range(random.choice((1, 1, 2, 4))):
                random.choice(asking).ask(machine, self._wants(machine))

    def _audience(self, machine: Machine) -> list[int]:
        """Which campaigns its users suit, for a while: all but one."""
        turn = (self.world.now - self.founded_ms) // (1000 * AUDIENCE_S)
        campaigns = list(self.db.campaigns)
        del campaigns[(turn + self.machines.index(machine)) % len(campaigns)]
        return campaigns

    def _wants(self, machine: Machine) -> list[ipc.Want]:
        random = self.world.random
        campaigns = random.choices(self._audience(machine), k=random.choice((1, 1, 1, 2)))
        return [
            ipc.Want(
                *(imp, self.db.campaigns[campaign].advertiser, campaign, random.randrange(20, 160))
            )
            for imp, campaign in enumerate(campaigns)
        ]

    def _remember(self) -> None:
        for box in self.boxes:
            if self.world.chance(0.5):
                box.remember()
        self.world.stage.after(REMEMBER_MS, self._remember)

    # Postgres
    def postgres_up(self) -> None:
        if not self.db.is_up:
            self.db.restarted()
            for treasury in self.treasuries:
                if treasury.is_alive:
                    treasury.hurry()

    # what persons find out
    def original_of(self, incarnation: bytes) -> File | None:
        """The file of a stream where it was made: on its machine's disk."""
        for machine in self.machines:
            file = machine.disk.files.get(incarnation)
            if file is not None and machine.disk.places[incarnation][0] == machine.disk.machine:
                return file
        return None

    def statement(self, incarnation: bytes) -> dict[SpendKey, int]:
        """What exchanges say was delivered of a lost stream, beyond what was settled of it."""
        truth, delivered = self.truth, {}
        for debit in truth.debits.values():
            if debit.incarnation != incarnation or (incarnation, debit.seq) in self.db.debits:
                continue
            for line in debit.lines:
                place = (line.advertiser, line.campaign, line.day, debit.exchange)
                if debit.id in truth.seen_debits:
                    delivered[place] = delivered.get(place, 0) + line.amount_micros
        return delivered

    # the run
    def run(self) -> None:
        """To the end, and then until everything is at rest. Raises Violation."""
        world = self.world
        self.db.restarted()
        while world.now < self.ends_ms and world.steps < self._steps and world.step():
            self._bounded()
        self._heal()
        stops_ms, rests_ms = world.now + ENDS_MS, world.now + REST_MS
        self._run_until(stops_ms)
        for machine in self.machines:
            machine.ends()
        for look_ms in range(stops_ms + 2 * LOOK_MS, rests_ms, LOOK_MS):
            self._run_until(look_ms)
            with contextlib.suppress(Violation):
                checks.at_rest(self)
                return
        self._run_until(rests_ms)
        checks.at_rest(self)

    def _run_until(self, ends_ms: int) -> None:
        while self.world.now < ends_ms and self.world.step():
            self._bounded()

    def _bounded(self) -> None:
        if self.world.steps > STEPS_MAX:
            raise Violation("E10", "it does not come to rest")

    def _heal(self) -> None:
        """All faults are over: what is stopped goes on, what is cut is connected."""
        self.world.note("stage", "all faults are over")
        self.is_resting = True
        for exchange in self.exchanges:
            exchange.asks = False
        for box in self.boxes:
            box.is_up, box.cut, box.mangles, box.is_ideal = True, {}, {}, True
            box.wake_all()
        for treasury in self.treasuries:
            treasury.cut, treasury.crash_in = "", 0
            treasury.resume()
            treasury.clock.offset_ms = 0
        for machine in self.machines:
            machine.heals()
        self.postgres_up()
        self.people.after(1_000, self.people.looks_often)


@contextlib.contextmanager
def deterministic(simulation: Simulation) -> Iterator[None]:
    """Chance that production code takes from the system comes from the seed. What was decoded once when it was written
    is not decoded again when it is settled: the bytes are the same, and their meaning is a pure function of them."""

    class Chance:
        urandom = staticmethod(simulation.world.bytes)

    decoded = simulation.truth.decoded

    def decode(payload: bytes) -> list[Entry]:
        entries = decoded.get(payload)
        return chunk_entries(payload) if entries is None else entries

    with patch.object(ids, "os", Chance), patch.object(streams, "chunk_entries", decode):
        yield
