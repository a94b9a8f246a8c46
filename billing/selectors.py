"""What the console and the API show of money: one source for each number. Amounts in micros."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils import timezone
from msgspec import Struct

from billing.escrow.models import Alarm, BudgetScope, CampaignDay, Incarnation, TreasuryBeat
from billing.escrow.pacing import curve
from billing.ledger.selectors import Spent, balance_micros, ledger_entries, postings_of
from billing.ledger.selectors import spend_series as _spend_series

__all__ = [
    "Spent",
    "balance",
    "balance_micros",
    "campaign_day_figures",
    "campaign_days_figures",
    "effective_floor_micros",
    "ledger_entries",
    "open_alarms",
    "postings_of",
    "spend_series",
    "streams",
    "treasuries",
]


class DayFigures(Struct, frozen=True):
    """A campaign's budget day, as of now."""

    campaign: int
    day: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    is_running: bool
    asked_micros: int
    budget_micros: int
    """In force: what was asked, or the effective floor while more than that is out."""
    floor_micros: int
    """What a cut cannot go below at once: settled, held, leased, quarantined, written off."""
    spent_micros: int
    held_micros: int
    leased_micros: int
    available_micros: int
    """Not leased to any machine: what is available, and what regions hold."""
    unknown_micros: int

    def ideal_micros(self, at: datetime, pacing: str = "even") -> int:
        """What the pacing curve would have spent at an instant."""
        part = (at - self.starts_at) / (self.ends_at - self.starts_at)
        return round(self.budget_micros * (1.0 if pacing == "asap" else curve(pacing, part)))


class BalanceFigures(Struct, frozen=True):
    """An advertiser's money."""

    balance_micros: int
    """Paid in advance and not spent: a fold of postings."""
    committed_micros: int
    """Spent or out: what new leases cannot have."""
    limit_micros: int
    """All that was paid in."""

    @property
    def free_micros(self) -> int:
        return max(0, self.limit_micros - self.committed_micros)


def campaign_day_figures(campaign_id: int, now: datetime | None = None) -> DayFigures | None:
    """A campaign's running budget day; None while none is open (never started, or no money was asked for yet)."""
    return campaign_days_figures([campaign_id], now).get(campaign_id)


def campaign_days_figures(
    campaign_ids: Collection[int], now: datetime | None = None
) -> dict[int, DayFigures]:
    """The running budget days of many campaigns, in one query."""
    now = now or timezone.now()
    rows = CampaignDay.objects.filter(
        campaign_id__in=campaign_ids, starts_at__lte=now, ends_at__gt=now
    )
    return {row.campaign_id: _figures(row) for row in rows}


def _figures(row: CampaignDay) -> DayFigures:
    return DayFigures(
        campaign=row.campaign_id,
        day=row.day,
        currency=row.currency,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_running=row.is_running,
        asked_micros=row.asked_micros,
        budget_micros=row.budget_micros,
        floor_micros=row.budget_micros - row.available_micros - row.allocated_micros,
        spent_micros=row.settled_micros + row.late_micros,
        held_micros=row.held_micros,
        leased_micros=row.leased_micros,
        available_micros=row.available_micros + row.allocated_micros,
        unknown_micros=row.unknown_micros,
    )


def effective_floor_micros(campaign_id: int) -> int:
    """What today's budget would stay at if it were cut to nothing now; 0 while no day is open."""
    figures = campaign_day_figures(campaign_id)
    return figures.floor_micros if figures else 0


def spend_series(
    campaign_id: int, since: datetime, until: datetime, step: timedelta = timedelta(minutes=5)
) -> list[Spent]:
    """Today's chart: what was spent in each interval from `since`, intervals without spend left out."""
    return _spend_series(campaign_id, since, until, step)


def balance(advertiser_id: int) -> BalanceFigures:
    """An advertiser's balance, and how much of it is still free."""
    scope = BudgetScope.objects.filter(
        advertiser_id=advertiser_id, kind=BudgetScope.Kind.BALANCE
    ).first()
    return BalanceFigures(
        balance_micros=balance_micros(advertiser_id),
        committed_micros=scope.committed_micros if scope else 0,
        limit_micros=(scope.limit_micros or 0) if scope else 0,
    )


def treasuries() -> list[TreasuryBeat]:
    """Each region's treasury and when it was last seen."""
    return list(TreasuryBeat.objects.order_by("region"))


def streams(*, open_only: bool = True) -> list[Incarnation]:
    """Bankers' streams and how far each is settled; newest first."""
    rows = Incarnation.objects.order_by("-registered_at")
    if open_only:
        rows = rows.exclude(state=Incarnation.State.CLOSED)
    return list(rows[:200])


def open_alarms() -> list[Alarm]:
    """What a person must look at, newest first."""
    return list(Alarm.objects.filter(cleared_at=None).order_by("-raised_at")[:200])
