"""Where each campaign-day's budget is: what `budget_report` and the console show."""

from __future__ import annotations

from msgspec import Struct

from billing.escrow.models import CampaignDay
from rtbplatform.kernel.calendar import BudgetCalendar


class ReportLine(Struct, frozen=True):
    """A campaign-day. All amounts in micros of its currency."""

    campaign: int
    day: str
    budget: int
    """In force."""
    asked: int
    available: int
    allocated: int
    leased: int
    held: int
    settled: int
    quarantined: int
    written_off: int
    delivered: int
    """at_auction: all that was answered, unknown included; on_billing_notice: all that was billed, late bills included.
    Beyond the budget as well (R7); what is held is not delivered yet."""
    unknown: int
    charged: int
    """What the advertiser pays."""
    platform_loss: int
    """Delivered, and paid by the platform: late bills, and what a restore had granted twice."""
    currency: str


def budget_report(
    calendar: BudgetCalendar, campaign: int | None = None, day: str | None = None
) -> list[ReportLine]:
    """Campaign-days by campaign and day; `day` is the calendar's label."""
    rows = CampaignDay.objects.order_by("campaign_id", "day")
    if campaign is not None:
        rows = rows.filter(campaign_id=campaign)
    lines = (_line(row, calendar) for row in rows.iterator())
    return [line for line in lines if day is None or line.day == day]


def _line(row: CampaignDay, calendar: BudgetCalendar) -> ReportLine:
    return ReportLine(
        campaign=row.campaign_id,
        day=calendar.label(row.day),
        budget=row.budget_micros,
        asked=row.asked_micros,
        available=row.available_micros,
        allocated=row.allocated_micros,
        leased=row.leased_micros,
        held=row.held_micros,
        settled=row.settled_micros,
        quarantined=row.quarantined_micros,
        written_off=row.written_off_micros,
        delivered=row.settled_micros + row.late_micros,
        unknown=row.unknown_micros,
        charged=row.settled_micros - row.forgiven_micros,
        platform_loss=row.late_micros + row.forgiven_micros,
        currency=row.currency,
    )
