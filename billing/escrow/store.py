"""What escrow and settlement need of a database: rows that are locked, read and written, and transactions over them.

Which rows, in which order, and what becomes of them is decided by the code that uses this (grants, upkeep, marks,
census, settlement); a store has no opinion about money. There are two: Postgres (`billing.escrow.postgres`), and the
simulator's memory. Everybody locks in one order, so that nobody waits in a circle: the census, marks, incarnations by id,
balance scopes, total scopes, campaign-days, region rows, each by key. A campaign-day's lock guards its leases and holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from billing.escrow.allocator import Demand
from billing.escrow.values import (
    Book,
    Census,
    Day,
    Gate,
    Hold,
    Incarnation,
    Key,
    LeaseState,
    Scope,
)
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import Chunk, Claim, DebitLine, Entry


class Region:
    """A region's row as it is changed within a transaction."""

    __slots__ = ("demand", "unleased")

    def __init__(self, unleased: int = 0, demand: Demand | None = None) -> None:
        self.unleased = unleased
        self.demand = demand or Demand()


class Asked(Struct, frozen=True):
    """What a campaign asks for on one of its days."""

    advertiser: int
    campaign: int
    day: int
    currency: str
    starts_ms: int
    ends_ms: int
    daily_micros: int
    total_micros: int | None
    version: int
    is_running: bool

    @property
    def key(self) -> Key:
        return self.advertiser, self.campaign, self.day


class Spend(Struct):
    """Net spend of one campaign-day on one exchange, and which entries of a stream it comes from."""

    amount: int
    first_seq: int
    last_seq: int


SpendKey = tuple[int, int, int, int]
"""(advertiser, campaign, day, exchange)"""


class EarlierDebit(Struct, frozen=True):
    """A debit of the stream that was settled before."""

    debit_id: bytes
    lines: list[DebitLine]
    hold_ms: int
    is_resolved: bool
    """Its outcome with money (void, unknown) is settled already."""


class Orphan(Struct, frozen=True):
    """A notice that was settled before the debit it is about."""

    debit_id: bytes
    exchange: int
    claim: Claim


class EscrowStore(Protocol):
    """Budgets, leases, marks. What is read is the caller's own, to change before it is saved.

    Methods raise django.db.Error (Postgres), or what the simulator lets them raise."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, durable at its end. Everything below is called inside one, unless it says otherwise."""

    def now_ms(self) -> int:
        """The database's clock: horizons run on it."""

    # the census
    def server(self) -> str:
        """Which start of which Postgres this is: changes with every start, fail-over and restore. No transaction."""

    def gate(self) -> Gate:
        """Shared with everybody until the transaction ends, so that a census cannot open in the middle of it."""

    def lock_census(self) -> Census | None:
        """The newest census, exclusively."""

    def open_census(self, server: str, above: int = 0) -> Census:
        """A new one, which is a new mark. Call with the newest locked.

        Its number is above every mark, above `above`, counted from the database's clock and partly drawn: a restored
        database does not know which numbers it had given before, and none of them may come again.
        """

    def save_census(self, census: Census) -> None: ...

    # marks
    def newest_mark(self) -> int:
        """0 = none. Shared: no mark is made before this transaction ends."""

    def insert_mark(self) -> int:
        """A new mark's number. Waits for everybody who holds `newest_mark`."""

    # incarnations
    def lock_incarnations(
        self, ids: Collection[bytes], *, exclusive: bool
    ) -> dict[bytes, Incarnation]: ...

    def insert_incarnation(self, new: Incarnation) -> bool:
        """False when it is there already."""

    def save_incarnation(self, changed: Incarnation) -> None: ...

    def unclosed(self, region: str | None = None) -> list[Incarnation]:
        """Those that are neither closed nor quarantined, without locks; of a region or all. By id."""

    def knows_region(self, region: str) -> bool:
        """Whether any incarnation of it was ever registered. No transaction."""

    def recent(self, region: str, since_ms: int) -> list[Incarnation]:
        """Incarnations of a region that are not closed, or whose stream grew since (the database's clock). By id."""

    # scopes, campaign-days, region rows
    def lock_scopes(
        self, pairs: Collection[tuple[int, int]]
    ) -> tuple[dict[int, Scope], dict[tuple[int, int], Scope]]:
        """Balances by advertiser and totals by (advertiser, campaign); made where they are missing."""

    def save_scopes(self, books: Collection[Book]) -> None:
        """Commitments of the books' scopes. Books of one advertiser must agree on its balance."""

    def lock_days(self, keys: Collection[Key]) -> dict[Key, Day]:
        """Those that exist."""

    def save_days(self, days: Iterable[Day]) -> None:
        """All columns; makes rows that do not exist."""

    def lock_regions(
        self, keys: Collection[Key], region: str | None = None
    ) -> dict[tuple[Key, str], Region]:
        """Region rows of campaign-days (of one region, or all). Rows that do not exist are left out."""

    def save_regions(self, regions: Mapping[tuple[Key, str], Region]) -> None:
        """Makes rows that do not exist."""

    # leases
    def days_to_grant(
        self, asked: Collection[tuple[bytes, int, int]], now_ms: int, lead_ms: int
    ) -> dict[tuple[bytes, int, int], Key]:
        """For each (incarnation, advertiser, campaign) the campaign-day to grant from: today's, or shortly before it
        starts and when this incarnation has a lease of today already, the next one. Without locks."""

    def leases_of_requests(
        self, requests: Collection[tuple[bytes, int]], lease_key: bytes
    ) -> dict[tuple[bytes, int], Lease]:
        """Leases granted before, by (incarnation, request number), signed again: the same bytes as the first time."""

    def insert_leases(
        self, leases: Sequence[Lease], region: str, now_ms: int, term_ms: int
    ) -> None: ...

    def open_leases(self, incarnation: bytes) -> list[LeaseState]:
        """Open ones of an incarnation."""

    def leases(self, ids: Collection[bytes]) -> dict[bytes, LeaseState]: ...

    def save_leases(self, leases: Collection[LeaseState]) -> None: ...

    def leases_to_recall(self, region: str, now_ms: int) -> dict[bytes, list[bytes]]:
        """Open leases by incarnation whose campaign-day or scope must return money. No transaction."""

    def leases_past_term(
        self, region: str, now_ms: int, lease_key: bytes
    ) -> dict[bytes, list[Lease]]:
        """Open leases by incarnation that should have been sealed by now. No transaction."""

    # budgets
    def differences(self, now_ms: int, lead_ms: int) -> list[Asked]:
        """Campaign-days whose row is missing or does not say what the campaign asks for. No transaction."""

    def set_totals(self, asked: Sequence[Asked]) -> None:
        """Limits of campaign totals, where the version is newer."""

    def unbalanced(self, now_ms: int, keep_s: float, tolerance: int) -> list[Key]:
        """Which campaign-days a rebalancing would change. No transaction."""

    def close_days(self, now_ms: int) -> int:
        """Marks days that are over and have nothing out; how many."""

    def forgiving(self) -> list[Key]:
        """Campaign-days whose excess or forgiven loss is not as it should be. No transaction."""

    def post_forgiven(self, day: Day, amount: int) -> None:
        """Moves settled spend from the advertiser to the platform's loss (negative: back)."""

    def freeze(self, campaign: int, version: int, reason: str) -> bool:
        """No new lease for a campaign until a person confirms its budget; False when it is frozen for it already."""

    def budget_versions(self, campaigns: Collection[int] | None = None) -> dict[int, int]:
        """The versions that the campaigns' own rows have; None = all. Campaigns that do not exist are left out."""

    # holds
    def due_holds(self, now_ms: int, limit: int) -> int:
        """How many holds are due and have no mark yet, up to a limit. No transaction."""

    def mark_due_holds(self, mark: int, now_ms: int) -> int:
        """Gives due holds without a mark this one; how many."""

    def holds_to_release(self, settled_mark: int, limit: int) -> list[Hold]:
        """Held, with a mark up to this one. No transaction: lock their days, then read them again with `holds`."""

    def holds(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], Hold]:
        """By (debit id, imp)."""

    def quarantines(self) -> list[Incarnation]:
        """Quarantined incarnations that are not reconciled, without locks."""

    def holds_blocked_by(self, incarnation: bytes) -> list[Hold]:
        """Quarantined ones."""

    def save_holds(self, holds: Collection[Hold]) -> None:
        """Inserts or updates, all columns; the due time of one whose `due_ms` is 0 is counted from now."""

    def alarm(self, kind: str, subject: str, text: str) -> None:
        """Raises an alarm once; raised again, it is seen again. In a transaction or not."""


class SettlementStore(EscrowStore, Protocol):
    """What settlement needs on top: the audit trail as the memory of a stream, orphans, the ledger."""

    def stored_hashes(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, bytes]:
        """Hashes of settled chunks by first sequence number."""

    def debits(self, incarnation: bytes, seqs: Collection[int]) -> dict[int, EarlierDebit]:
        """Earlier debits of a stream."""

    def keep_chunks(
        self, region: str, chunks: Sequence[Chunk], entries: Sequence[Sequence[Entry]]
    ) -> None:
        """Into the audit trail, with the keys of their personal parts; counts the traffic. `entries` are the chunks'
        own, decoded. The last thing of a transaction: it locks what all streams of a region share."""

    def quarantined_leases(self, incarnation: bytes) -> list[LeaseState]:
        """Quarantined ones of an incarnation."""

    def holds_from_quarantine(self, incarnation: bytes) -> list[Hold]:
        """Those with `seq` 0: settled from quarantined leases by a notice whose debit was lost with its disk."""

    def post_spends(
        self,
        incarnation: bytes,
        spends: Mapping[SpendKey, Spend],
        currencies: Mapping[Key, str],
        *,
        is_loss: bool = False,
    ) -> None: ...

    def orphans(self, debit_ids: Collection[bytes]) -> dict[tuple[bytes, int], list[Orphan]]:
        """Parked ones by (debit id, imp), in the order of their settlement."""

    def orphans_of_leases(self, leases: Collection[bytes]) -> list[Orphan]:
        """Parked ones whose debit was paid from these leases."""

    def park(self, incarnation: bytes, orphans: Sequence[Orphan]) -> None:
        """Once per (debit id, imp, kind), in this order. One that was taken waits again."""

    def take_orphans(self, orphans: Sequence[Orphan]) -> None:
        """They are settled now."""
