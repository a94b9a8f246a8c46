"""Persons: advertisers who change their minds, operators who answer alarms with commands, as the runbook says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import OperationalError

from billing.escrow.quarantine import QuarantineError, quarantine, reopen
from billing.escrow.write_off import write_off
from billing.settlement.settle import settle_chunks
from rtbplatform.kernel.ids import uuid_bytes
from tests.simulation.memory_settlement import MemoryStore
from tests.simulation.world import Actor, Violation

if TYPE_CHECKING:
    from tests.simulation.database import Campaign
    from tests.simulation.disks import File
    from tests.simulation.simulation import Simulation

LOOK_MS = 7_000


class Office:
    """A person's shell on a machine that reaches Postgres (`memory_store.Wire`)."""

    def __init__(self, simulation: Simulation) -> None:
        self._db = simulation.db

    def reach(self) -> None:
        if not self._db.is_up:
            raise OperationalError("Postgres is away")

    def commits(self) -> None:
        self.reach()

    def committed(self) -> None:
        """The answer comes."""


class People(Actor):
    """All of them."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation.world, "people", None)
        self.simulation = simulation
        self.db = simulation.db
        self.store = MemoryStore(self.db, Office(simulation), simulation.settings.calendar)
        self.lost_files: dict[bytes, File] = {}
        """Disks that were taken out: some are found again."""
        self.reconciled: set[bytes] = set()
        self._seen: dict[bytes, int] = {}

    def start(self) -> None:
        self.after(LOOK_MS, self._look)
        self.after(self.world.random.randrange(10_000, 40_000), self._changes_mind)

    # advertisers
    def _changes_mind(self) -> None:
        if not self.simulation.is_resting:
            self.edit()
        self.after(self.world.random.randrange(20_000, 60_000), self._changes_mind)

    def edit(self, kind: str = "") -> None:
        """A budget edit, through the API: it needs the database."""
        if not self.db.is_up:
            return
        random = self.world.random
        campaign: Campaign = random.choice(list(self.db.campaigns.values()))
        kind = kind or random.choice(("cut", "raise", "pause", "total", "deposit"))
        self.world.note("people", kind, campaign.id)
        self._ran("edit")
        match kind:
            case "cut":
                values: dict[str, Any] = {"daily": int(campaign.daily * random.uniform(0.1, 0.8))}
            case "raise":
                values = {"daily": int(campaign.daily * random.uniform(1.1, 2.5)) + 100}
            case "pause":
                values = {"is_active": False}
                self.after(random.randrange(3_000, 25_000), self._resume, campaign.id)
            case "total":
                spent = sum(
                    day.settled for day in self.db.days.values() if day.campaign == campaign.id
                )
                values = {"total": max(1, int(spent * random.uniform(0.7, 2.0)) + 500)}
            case _:
                self.deposit(campaign.advertiser, random.randrange(1_000, 10_000))
                return
        self.db.change_campaign(campaign.id, **values)

    def _resume(self, campaign: int) -> None:
        if self.db.is_up:
            self.db.change_campaign(campaign, is_active=True)
        else:
            self.after(2_000, self._resume, campaign)

    def deposit(self, advertiser: int, amount: int) -> None:
        with self.store.transaction():
            scope = self.store.lock_scopes([(advertiser, 0)])[0][advertiser]
            limit = (scope.limit or 0) + amount
            self.db.tables.put(self.db.balances, advertiser, type(scope)(scope.committed, limit))

    # operators
    def _look(self) -> None:
        if self.db.is_up:
            try:
                self.act()
            except OperationalError:
                self.world.note("people", "Postgres is away")
        self.after(LOOK_MS, self._look)

    def looks_often(self) -> None:
        """In the end everybody waits for them."""
        try:
            if any(machine.clock.offset_ms < 0 for machine in self.simulation.machines):
                self._miss()
            self.act()
        except OperationalError:
            self.world.note("people", "Postgres is away")
        self.after(4_000, self.looks_often)

    def act(self) -> None:
        """Answers what is open."""
        for campaign, version in list(self.db.freezes.items()):
            self._confirm_budget(campaign, version)
        for kind, subject in list(self.db.alarms):
            if kind == "census_journal":
                self._confirm_census(subject)
            elif kind in {"outbox_copy", "outbox_elsewhere"}:
                self._lost(uuid_bytes(subject))
        for one in self.store.quarantines():
            banker = self.simulation.truth.bankers.get(one.id)
            if banker is not None and banker.is_alive:
                continue  # its process has not heard yet: a person makes sure that it is dead
            age = self._seen.setdefault(one.id, self.world.now)
            if self.world.now - age > 8_000:
                self._reconcile(one.id)

    def _confirm_budget(self, campaign: int, version: int) -> None:
        """`manage.py confirm_budget`: the budget as the advertiser says it now, above the version that was lost."""
        self.db.change_campaign(campaign)
        with self.store.transaction():
            if self.db.freezes.get(campaign) == version:
                self.db.tables.delete(self.db.freezes, campaign)

    def _confirm_census(self, region: str) -> None:
        """`manage.py confirm_census`: all of the region's bankers run, and its dead ones' disks are theirs."""
        with self.store.transaction():
            census = self.store.lock_census()
            if census is not None and not census.is_complete:
                census.regions.add(region)
                self.store.save_census(census)
        self._clear("census_journal", region)

    def _lost(self, incarnation: bytes) -> None:
        """`manage.py quarantine`: once a person has seen that its file is nowhere in use."""
        file = self.simulation.original_of(incarnation)
        if file is not None:
            return
        quarantine(self.store, incarnation, reason="a person has looked")

    def _miss(self) -> None:
        """What no alarm says: a life whose calendar is behind does not miss the outbox of one from before."""
        for one in self.store.unclosed():
            banker = self.simulation.truth.bankers[one.id]
            if one.state == "open" and one.id in self.lost_files and not banker.is_alive:
                self._lost(one.id)

    def _reconcile(self, incarnation: bytes) -> None:
        file = self.lost_files.get(incarnation)
        self._ran("reconcile")
        self.reconciled.add(incarnation)
        try:
            if file is not None and self.world.chance(0.5):
                self._recover(incarnation, file)
            else:
                delivered = self.simulation.statement(incarnation)
                write_off(self.store, incarnation, delivered)
        except QuarantineError as error:
            raise Violation("exception", f"reconciling: {error}", (incarnation,)) from error

    def _recover(self, incarnation: bytes, file: File) -> None:
        """`manage.py recover_outbox`: the file is fenced, and its stream settled to its end."""
        from bidder.banker import recovery

        reopen(self.store, incarnation)
        file.owner = self
        file.fails = ""
        file.reopened()
        recovery.fence(file, incarnation, self.world.now)  # type: ignore[arg-type]
        while True:
            seq = self.db.incarnations[incarnation].seq
            chunks = file.chunks_after(seq, incarnation, 50)
            if not chunks:
                break
            settled = settle_chunks(self.store, chunks, self.simulation.settings.lease_key)
            if not settled.entries:
                raise Violation("exception", f"a recovery stands still: {settled}", (incarnation,))
        file.owner = None

    def _clear(self, kind: str, subject: str) -> None:
        with self.store.transaction():
            self.db.tables.delete(self.db.alarms, (kind, subject))

    def _ran(self, step: str) -> None:
        self.world.coverage.ran(step, None, self.world.now)
