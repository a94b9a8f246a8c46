"""Applies what a fold decided to campaign-days: each result is a value in which E2 holds."""

from __future__ import annotations

from msgspec.structs import replace

from billing.escrow.values import Day
from billing.settlement.changes import DayChange
from rtbplatform.kernel.protocol import Lease


def day_of_lease(lease: Lease) -> Day:
    """A campaign-day that the database has lost, as far as a lease of it tells: nothing is asked for until its campaign
    is looked at. Its version is below every campaign's: the lease's own would pass for one whose budget is in force."""
    return Day(
        advertiser=lease.advertiser,
        campaign=lease.campaign,
        day=lease.day,
        asked=0,
        budget=0,
        version=0,
        is_running=False,
        starts_ms=lease.day_starts_ms,
        ends_ms=lease.day_ends_ms,
        currency=lease.currency,
    )


def apply(day: Day, change: DayChange) -> Day:
    """The campaign-day afterwards. Raises EscrowError when the change asks for money that is not where it says."""
    returned = sum(change.returned.values())
    is_out = bool(returned or change.held > 0)
    return replace(
        day,
        allocated=day.allocated + returned,
        leased=day.leased + change.leased,
        held=day.held + change.held,
        settled=day.settled + change.settled,
        quarantined=day.quarantined + change.quarantined,
        written_off=day.written_off + change.written_off,
        unknown=day.unknown + change.unknown,
        late=day.late + change.late,
        lease_no_high=max(day.lease_no_high, change.lease_no_high),
        is_closed=day.is_closed and not is_out,
    ).check()
