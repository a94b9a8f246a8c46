"""Values of the lease book: a lease that is held, what is written of it, and how a campaign stands."""

from __future__ import annotations

import msgspec

from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import LeaseChange


class OpenLease(msgspec.Struct, eq=False):
    """A lease that may be spent between `from_ms` and `until_ms` (boot time)."""

    lease: Lease
    from_ms: int
    until_ms: int
    spent_micros: int = 0

    @property
    def left_micros(self) -> int:
        return self.lease.amount_micros - self.spent_micros

    def works(self, now_ms: int) -> bool:
        return self.from_ms <= now_ms < self.until_ms


class LeaseRow(msgspec.Struct, frozen=True):
    """A lease as the outbox keeps it: `state` is open | sealed | tombstoned."""

    lease: Lease
    spent_micros: int
    state: str


class HighWaterRow(msgspec.Struct, frozen=True):
    """The highest lease number decided on a campaign-day (R4)."""

    campaign: int
    day: int
    no: int


class Standing(msgspec.Struct, frozen=True):
    """How a campaign stands on this machine: micros left of those granted, and when the last of its leases ends."""

    left_micros: int
    granted_micros: int
    ends_ms: int


def lease_change(kind: str, lease: Lease, spent_micros: int) -> LeaseChange:
    """What the stream says of a lease; with its acceptance the lease itself, for a ledger that has lost the grant."""
    return LeaseChange(
        kind,
        lease.id,
        lease.advertiser,
        lease.campaign,
        lease.day,
        lease.amount_micros,
        spent_micros,
        lease.no,
        lease if kind == "accepted" else None,
    )
