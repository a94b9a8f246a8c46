"""What one Postgres holds, in memory: rows of escrow, campaigns, audit trail and ledger, and their constraints.

Rows are values. What the code under test changes in place (leases, holds, incarnations) is copied on its way in and
out, so that nothing changes here unless it is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from billing.escrow.store import Orphan
from billing.escrow.values import Census, Key
from tests.simulation.tables import Rows, Tables


class Campaign(Struct, frozen=True):
    """A campaign as its advertiser wants it. Micros."""

    advertiser: int
    id: int
    zone: str
    daily: int
    total: int | None
    version: int
    is_active: bool = True
    currency: str = "USD"


class Parked(Struct, frozen=True):
    orphan: Orphan
    incarnation: bytes
    no: int
    is_taken: bool = False


class LeaseFacts(Struct, frozen=True):
    """What does not change of a lease."""

    region: str
    expires_ms: int
    granted_ms: int
    no: int
    """Order of insertion."""


class Database:
    """All tables, and the server that runs on them."""

    def __init__(self, random: Random, now_ms: Callable[[], int]) -> None:
        self.tables = Tables()
        self._random = random
        self._now_ms = now_ms
        self.offset_ms = 0
        """Its clock's error."""
        self.starts = 0
        self.is_up = True
        self.on_commit: Callable[[list[tuple[Rows, Any, Any]]], None] = lambda _: None
        self.days: Rows = {}
        self.balances: Rows = {}
        self.totals: Rows = {}
        self.total_versions: Rows = {}
        self.regions: Rows = {}
        self.leases: Rows = {}
        """LeaseState by id."""
        self.granted: Rows = {}
        """kernel.Lease by id."""
        self.facts: Rows = {}
        self.open_leases: Rows = {}
        """Incarnation by id, of those that are open."""
        self.requests: Rows = {}
        """Lease id by (incarnation, request number)."""
        self.numbers: Rows = {}
        """Lease id by (campaign, day, number)."""
        self.of_days: Rows = {}
        """Whether an incarnation has a lease of a campaign-day: by (incarnation, campaign, day)."""
        self.incarnations: Rows = {}
        self.grown: Rows = {}
        """When a stream was settled last, by incarnation."""
        self.censuses: Rows = {}
        self.marks: Rows = {}
        """The newest, under None."""
        self._make_ledger()

    def _make_ledger(self) -> None:
        """Holds and notices, campaigns, audit trail, postings."""
        self.holds: Rows = {}
        self.imps: Rows = {}
        """Which imps of a debit have holds: tuples by debit id."""
        self.held: Rows = {}
        """Keys of the holds that wait."""
        self.orphans: Rows = {}
        self.freezes: Rows = {}
        """Version by campaign, until it is confirmed."""
        self.campaigns: Rows = {}
        self.chunks: Rows = {}
        """(Chunk, entries) by (incarnation, first seq)."""
        self.debits: Rows = {}
        """AuctionEntry by (incarnation, seq)."""
        self.resolved: Rows = {}
        """Outcomes with money by (incarnation, seq of the debit)."""
        self.spent: Rows = {}
        """Posted to the advertiser by (advertiser, campaign, day, exchange)."""
        self.losses: Rows = {}
        """Posted to the platform's loss by the same."""
        self.forgiven: Rows = {}
        self.alarms: Rows = {}

    def now_ms(self) -> int:
        return self._now_ms() + self.offset_ms

    def server(self) -> str:
        return f"start {self.starts}"

    def restarted(self) -> None:
        """It runs again: after a crash, a fail-over or a restore."""
        self.starts += 1
        self.is_up = True

    def newest_census(self) -> Census | None:
        return self.censuses[max(self.censuses)] if self.censuses else None

    def random_bits(self, bits: int) -> int:
        return self._random.getrandbits(bits)

    def add(self, table: Rows, key: Any, amount: int) -> None:
        self.tables.put(table, key, table.get(key, 0) + amount)

    def days_of(self, advertiser: int, campaign: int | None = None) -> list[Key]:
        return [
            key
            for key in self.days
            if key[0] == advertiser and (campaign is None or key[1] == campaign)
        ]

    def change_campaign(self, campaign: int, **values: Any) -> None:
        """A person's edit, in a transaction of its own."""
        row: Campaign = self.campaigns[campaign]
        self.tables.begin()
        version = max(row.version, self.freezes.get(campaign, 0)) + 1
        self.tables.put(self.campaigns, campaign, replace(row, version=version, **values))
        self.on_commit(self.tables.written())
        self.tables.commit(self._now_ms())
