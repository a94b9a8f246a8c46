"""What the console and the API show of money: one source for each number. Amounts in micros."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.utils import timezone
from msgspec import Struct

from billing.escrow.models import Alarm, BudgetScope, CampaignDay, Incarnation, TreasuryBeat
from billing.ledger.selectors import Spent, balance_micros, ledger_entries, postings_of
from billing.ledger.selectors import spend_series as _spend_series
from billing.pacing.curve import DayCurve, spent_part
from billing.pacing.curves import Curves, hours_of

__all__ = [
    "Spent",
    "balance",
    "balance_micros",
    "campaign_day_figures",
    "campaign_days_figures",
    "day_curves",
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
    curve: DayCurve
    """The day's traffic, as far as it is on sale to the campaign."""

    def ideal_micros(self, at: datetime, pacing: str = "even") -> int:
        """What the pacing curve would have spent at an instant."""
        return round(self.budget_micros * spent_part(pacing, self.curve.part(_ms(at))))


class BalanceFigures(Struct, frozen=True):
    """An advertiser's money."""

    balance_micros: int
    """Paid in advance and not spent: a fold of postings."""
    committed_micros: int
    """Spent or out: what new leases cannot have."""
    limit_micros: int
    """All that was paid in, and the credit line."""
    credit_micros: int

    @property
    def free_micros(self) -> int:
        return max(0, self.limit_micros - self.committed_micros)

    @property
    def over_micros(self) -> int:
        """What is committed beyond the limit: after a credit line was lowered."""
        return max(0, self.committed_micros - self.limit_micros)


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
    days = {row.campaign_id: (_ms(row.starts_at), _ms(row.ends_at)) for row in rows}
    curves = day_curves(days, now)
    return {row.campaign_id: _figures(row, curves[row.campaign_id]) for row in rows}


def day_curves(days: Mapping[int, tuple[int, int]], now: datetime) -> dict[int, DayCurve]:
    """What pacing expects of campaigns' days [start, end) in Unix ms, by campaign id; two queries at most."""
    return {
        campaign: _curves.of(*days[campaign], hours, _ms(now))
        for campaign, hours in (hours_of(days) if days else {}).items()
    }


_curves = Curves()


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _figures(row: CampaignDay, curve: DayCurve) -> DayFigures:
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
        curve=curve,
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
        credit_micros=scope.credit_micros if scope else 0,
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
