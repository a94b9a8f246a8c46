"""What a fold needs to know, and what it says has to be written: values only."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from billing.escrow.store import EarlierDebit, Orphan, Spend, SpendKey
from billing.escrow.values import Hold, Key, LeaseState
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import Entry

HoldKey = tuple[bytes, int]
"""(debit id, imp)"""


class StreamError(Exception):
    """This stream contradicts what it was granted, or itself: a person must look."""


class Numbered(Struct, frozen=True):
    """The entries of a chunk, from its first sequence number."""

    first_seq: int
    entries: Sequence[Entry]


class StreamState(Struct):
    """What the fold needs to know: whose stream it is, and all that its entries name."""

    incarnation: bytes
    region: str
    lease_key: bytes
    """Signs leases: one that the database has lost is taken back on its signature."""
    census: int = 0
    """The newest census: marks of an older one are of a history that was lost."""
    leases: dict[bytes, LeaseState] = field(default_factory=dict)
    """Of this incarnation, and those of others whose holds its notices settle."""
    debits: dict[int, EarlierDebit] = field(default_factory=dict)
    """By sequence number."""
    resolved: set[int] = field(default_factory=set)
    """Sequence numbers whose outcome (void or unknown) is settled already."""
    holds: dict[HoldKey, Hold] = field(default_factory=dict)
    orphans: dict[HoldKey, list[Orphan]] = field(default_factory=dict)
    mark: int = 0
    epoch: int = 0
    is_fenced: bool = False


class DayChange(Struct):
    """What a campaign-day's terms change by; their sum and that of `returned` is zero."""

    leased: int = 0
    held: int = 0
    settled: int = 0
    quarantined: int = 0
    written_off: int = 0
    unknown: int = 0
    late: int = 0
    lease_no_high: int = 0
    returned: dict[str, int] = field(default_factory=dict)
    """By region: what comes back to its unleased money."""


class Effects(Struct):
    """What has to be written for a run of chunks, all of it in one transaction."""

    days: dict[Key, DayChange] = field(default_factory=dict)
    leases: dict[bytes, LeaseState] = field(default_factory=dict)
    holds: dict[HoldKey, Hold] = field(default_factory=dict)
    spends: dict[SpendKey, Spend] = field(default_factory=dict)
    losses: dict[SpendKey, Spend] = field(default_factory=dict)
    """Paid by the platform: billed when the hold was gone (R7)."""
    adopted: list[Lease] = field(default_factory=list)
    """Leases that the database had lost: they are leased before anything else in here happens to them."""
    parked: list[Orphan] = field(default_factory=list)
    taken: list[Orphan] = field(default_factory=list)
    alarms: list[tuple[str, str, str]] = field(default_factory=list)
    """(kind, subject, text)"""
    dropped_events: int = 0

    def day(self, key: Key) -> DayChange:
        return self.days.setdefault(key, DayChange())

    def give_back(self, lease: LeaseState, amount: int) -> None:
        """To the unleased money of the region that the lease came from."""
        if amount:
            returned = self.day(lease.key).returned
            returned[lease.region] = returned.get(lease.region, 0) + amount

    def spend(self, seq: int, place: SpendKey, amount: int) -> None:
        _add(self.spends, seq, place, amount)

    def lose(self, seq: int, place: SpendKey, amount: int) -> None:
        """Delivered, and not the advertiser's to pay."""
        self.day(place[:3]).late += amount
        _add(self.losses, seq, place, amount)


def _add(spends: dict[SpendKey, Spend], seq: int, place: SpendKey, amount: int) -> None:
    spend = spends.get(place)
    if spend is None:
        spends[place] = Spend(amount, seq, seq)
    else:
        spend.amount += amount
        spend.last_seq = seq
