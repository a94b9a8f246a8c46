"""What really happened, seen from everywhere at once: disks, answers, notices, and every commit of the database.

The invariants that can be broken at one step are checked at that step: E1 at every answer and notice that the observer
counts, E2, E4 and E9 at every commit of the database, E3 and E8 at every commit of an outbox, E5 at every answer.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from billing.escrow.values import Day, Key, LeaseState
from rtbplatform.kernel import ipc
from tests.simulation.database import Database
from tests.simulation.tables import MISSING, Rows
from tests.simulation.truth_disks import DiskTruth
from tests.simulation.world import Violation, World

Place = tuple[int, ...]
"""A scope: (advertiser), (advertiser, campaign) or a campaign-day."""


class Limit(Struct):
    """What may be spent in a scope: the budget in force, or what was out when it was cut below that."""

    version: int
    amount: int
    """Micros; UNLIMITED for no limit."""


UNLIMITED = 1 << 60
HOLD_STEPS = {
    "held": "hold",
    "captured": "capture",
    "released": "release",
    "void": "release",
    "quarantined": "quarantine",
}


class Truth(DiskTruth):
    """The simulator's own account of a world."""

    def __init__(self, world: World, db: Database) -> None:
        super().__init__(world, db)
        db.on_commit = self.database_commits
        counted = (db.days, db.regions, db.holds, db.orphans, db.censuses, db.incarnations)
        self._counted = {id(table) for table in counted}
        self.seen: dict[Place, int] = {}
        """What the observer counts, by scope."""
        self.seen_debits: dict[bytes, int] = {}
        """at_auction: how often an answer with this debit was seen."""
        self.billed: dict[tuple[bytes, int], int] = {}
        """on_billing_notice: bills acknowledged within the horizon, by (debit, imp)."""
        self.noticed: dict[tuple[bytes, int], str] = {}
        """The first kind of notice that was acknowledged."""
        self.contradicted: set[tuple[bytes, int]] = set()
        """Of which both a bill and a loss were acknowledged: the first settled decides."""
        self.heard_ms: dict[bytes, int] = {}
        self.sent_unseen: set[bytes] = set()
        self.given_up: dict[bytes, tuple[Any, int, Any]] = {}
        """Debits that came too late for their answer: worker, its life, banker."""
        self.limits: dict[Place, Limit] = {}
        self.clock_jumps: list[int] = []
        """When the database's clock jumped."""

    # the observer
    def answered(self, machine: Any, committed: ipc.Committed) -> None:
        """The first byte of an answer leaves (E5)."""
        debit = self.debits.get(committed.debit_id)
        if debit is None or debit.lines != committed.lines:
            raise Violation("E5", "an answer without its debit", (committed.debit_id,))
        if self.files[debit.incarnation].durable_seq < debit.seq:
            raise Violation("E5", "an answer before its debit is durable", (committed.debit_id,))

    def saw(self, committed: ipc.Committed, hold_ms: int) -> None:
        """An answer reached the observer: at_auction it is the sale (E1)."""
        self.heard_ms[committed.debit_id] = self.world.now
        if hold_ms:
            return
        count = self.seen_debits.get(committed.debit_id, 0) + 1
        self.seen_debits[committed.debit_id] = count
        if count > 1:
            raise Violation("E6", "an answer was seen twice", (committed.debit_id,))
        for line in committed.lines:
            self._see((line.advertiser, line.campaign, line.day), line.amount_micros)

    def acknowledged(self, notice: Any, hold_ms: int) -> None:
        """A notice got its 200: a bill within the horizon is delivered (E1)."""
        place = (notice.debit_id, notice.imp)
        if self.noticed.get(place, notice.kind) != notice.kind:
            self.contradicted.add(place)
        if self.noticed.setdefault(place, notice.kind) != "billing" or notice.kind != "billing":
            return
        heard_ms = self.heard_ms[notice.debit_id]
        jumped = any(heard_ms <= at <= self.world.now for at in self.clock_jumps)
        if jumped or self.world.now - heard_ms > hold_ms or place in self.billed:
            return
        self.billed[place] = notice.amount
        debit = self.debits[notice.debit_id]
        line = next(one for one in debit.lines if one.imp == notice.imp)
        self._see((line.advertiser, line.campaign, line.day), notice.amount)

    def _see(self, key: Key, amount: int) -> None:
        for place in (key, key[:2], key[:1]):
            total = self.seen[place] = self.seen.get(place, 0) + amount
            limit = self.limits.get(place)
            if limit is None or total > limit.amount:
                raise Violation("E1", f"{total} delivered in {place}, in force is {limit}", (key,))

    # the database
    def database_commits(self, written: list[tuple[Rows, Any, Any]]) -> None:
        """Every transaction, before anybody hears of it (E2, E4, E9)."""
        db = self.db
        before: dict[Key, Any] = {}
        leases: dict[bytes, Any] = {}
        scopes: set[Place] = set()
        is_watching = self.world.coverage.is_watching
        for table, key, was in written:
            if table is db.days:
                before.setdefault(key, was)
            elif table is db.leases:
                leases.setdefault(key, was)
            elif table is db.regions:
                before.setdefault(key[0], db.days[key[0]])
            elif table is db.censuses:
                self._check_census()
            elif table is db.totals or table is db.balances:
                scopes.add(key if isinstance(key, tuple) else (key,))
            if is_watching and id(table) in self._counted:
                self._ran(table, key, was)
        for lease_id, was in leases.items():
            self._lease_changes(db.leases[lease_id], None if was is MISSING else was)
        for key, was in before.items():
            self._day_changes(db.days[key], None if was is MISSING else was)
            scopes.update((key[:1], key[:2]))
        for place in scopes:
            self._check_scope(place)

    def _ran(self, table: Rows, key: Any, was: Any) -> None:
        """Which protocol step wrote a row."""
        db, step, region = self.db, "", None
        if table is db.days and was is MISSING:
            step = "rollover"
        elif table is db.regions and was is not MISSING and was[0] != table[key][0]:
            step, region = "rebalance", key[1]
        elif table is db.holds:
            step = HOLD_STEPS.get(table[key].state, "")
        elif table is db.orphans:
            step = "park"
        elif table is db.censuses:
            step = "census"
        elif table is db.incarnations and table[key].state == "quarantined":
            step = "quarantine"
        if step:
            self.world.coverage.ran(step, region, self.world.now)

    def _check_census(self) -> None:
        """A census that is complete has found all that bankers can spend (E4)."""
        newest = self.db.newest_census()
        if newest is None or not newest.is_complete:
            return
        for incarnation, banker in self.bankers.items():
            known = self.db.incarnations.get(incarnation)
            is_ended = known is not None and known.state != "open"
            if not banker.is_alive or banker.is_stopping or is_ended:
                continue
            for lease_id in banker.book._open:
                if lease_id not in self.db.leases:
                    raise Violation("E4", f"{newest} does not know of a lease", (lease_id,))

    def _lease_changes(self, lease: LeaseState, was: LeaseState | None) -> None:
        if was is None:
            if lease.id in self.granted:
                self.world.coverage.ran("adopt", lease.region, self.world.now)
            self.granted[lease.id] = self.db.granted[lease.id]
            return
        if lease.state not in {"sealed", "tombstoned", "fenced"} or was.state == lease.state:
            return
        settled = self.db.incarnations[lease.incarnation].seq
        ends = [self.sealed.get(lease.id), self.fenced.get(lease.incarnation)]
        if not any(end is not None and end <= settled for end in ends):
            raise Violation("E4", f"{lease} returned without its end", (lease.id,))
        banker = self.bankers.get(lease.incarnation)
        serves = banker is not None and banker.is_alive and not banker.is_stopping
        if serves and lease.id in banker.book._open:
            raise Violation("E4", f"{lease} returned while its banker spends it", (lease.id,))

    def _day_changes(self, day: Day, was: Day | None) -> None:
        day.check()
        rows = self.db.regions
        key, unleased = day.key, 0
        for place, row in rows.items():
            if place[0] == key:
                unleased += row[0]
        if unleased != day.allocated:
            raise Violation("E2", f"regions hold {unleased} of {day}", (day.key,))
        was_over = was is not None and was.is_over and day.version == was.version
        if was_over and was and day.out - day.excess > was.out - was.excess:
            raise Violation("E9", f"more goes out of {was}: {day}", (day.key,))
        campaign = self.db.campaigns.get(day.campaign)
        is_newest = campaign is not None and campaign.version == day.version
        self._edited(day.key, day.version, campaign.daily if is_newest else day.asked)

    def _check_scope(self, place: Place) -> None:
        db = self.db
        scope = db.balances.get(place[0]) if len(place) == 1 else db.totals.get(place)
        if scope is None:
            return
        committed = sum(db.days[key].committed for key in db.days_of(*place))
        if scope.committed != committed:
            raise Violation("E2", f"{place} says {scope}, its days {committed}", (place,))
        version = 0 if len(place) == 1 else db.total_versions.get(place, 0)
        self._edited(place, version, UNLIMITED if scope.limit is None else scope.limit)

    def _edited(self, place: Place, version: int, amount: int) -> None:
        """A limit is in force. One that is older than what was in force before never counts again."""
        limit = self.limits.get(place)
        if limit is None:
            newest = self._newest(place)
            in_force = newest.amount if newest and newest.version > version else amount
            self.limits[place] = Limit(version, in_force)
        elif len(place) == 1:
            limit.amount = max(limit.amount, amount)
        elif version > limit.version:
            limit.version = version
            below = amount < limit.amount
            limit.amount = max(amount, self.out(place)) if below else amount

    def _newest(self, place: Place) -> Limit | None:
        """Of a campaign's other days, the limit with the newest version."""
        if len(place) != 3:
            return None
        others = [one for key, one in self.limits.items() if len(key) == 3 and key[:2] == place[:2]]
        return max(others, key=lambda one: one.version, default=None)

    def out(self, place: Place) -> int:
        """What is spent in a scope, and what bankers can still spend of the leases that they were ever granted."""
        total = 0
        for lease in self.granted.values():
            if (lease.advertiser, lease.campaign, lease.day)[: len(place)] == place:
                spent = self.spent.get(lease.id, 0)
                total += spent + self.potential(lease)
        return total

    def potential(self, lease: Any) -> int:
        banker = self.bankers.get(lease.incarnation)
        if lease.id in self.sealed or banker is None or not banker.is_alive:
            return 0
        return int(lease.amount_micros) - self.spent.get(lease.id, 0)
