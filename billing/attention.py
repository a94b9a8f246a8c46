"""Money that waits for a person, or that the platform has paid: what the health page lists. Amounts in micros."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet, Sum
from msgspec import Struct

from billing.escrow.models import (
    CampaignDay,
    CensusRow,
    Freeze,
    HoldRow,
    Incarnation,
    LeaseRow,
)

ROWS_MAX = 20


class Amount(Struct, frozen=True):
    currency: str
    micros: int


class Lost(Struct, frozen=True):
    """An incarnation that was quarantined and not reconciled, or whose stream was stopped."""

    incarnation: str
    region: str
    pod: str
    state: str
    reason: str
    amounts: list[Amount]
    """What is in quarantine because of it, or still on its leases."""


class OpenCensus(Struct, frozen=True):
    """Postgres was started, and not everybody has been heard yet: nothing is granted."""

    opened_at: datetime
    waits_for: list[str]


class Loss(Struct, frozen=True):
    """What the platform has paid of a campaign-day."""

    campaign: int
    day: int
    currency: str
    late_micros: int
    forgiven_micros: int


def open_census() -> OpenCensus | None:
    """What grants wait for since the last start of Postgres; None when money moves."""
    census = CensusRow.objects.order_by("-no").first()
    if census is None or census.completed_at is not None:
        return None
    unclosed = list(Incarnation.objects.filter(state__in=("open", "stopped")).order_by("region"))
    known = {row.region for row in unclosed} | set(census.awaits)
    regions = sorted(known - set(census.regions))
    waits = [f"the treasury of {region}, which has not compared its journal" for region in regions]
    silent = [row for row in unclosed if row.epoch < census.no]
    waits += [f"the banker of {row.pod}, {row.region} ({row.pk}, {row.state})" for row in silent]
    return OpenCensus(census.opened_at, waits[:ROWS_MAX])


def lost_incarnations() -> list[Lost]:
    """Newest first."""
    stopped = Incarnation.objects.filter(state=Incarnation.State.STOPPED)
    waiting = Incarnation.objects.filter(
        state=Incarnation.State.QUARANTINED, quarantine_mark__isnull=False
    )
    rows = (stopped | waiting).order_by("-registered_at")[:ROWS_MAX]
    return [
        Lost(str(row.pk), row.region, row.pod, row.state, row.alarm, _amounts(row)) for row in rows
    ]


def _amounts(row: Incarnation) -> list[Amount]:
    leases = LeaseRow.objects.filter(incarnation_id=row.pk, state__in=("open", "quarantined"))
    out: dict[tuple[int, int], int] = {
        (lease["campaign_id"], lease["day"]): lease["rest"]
        for lease in leases.values("campaign_id", "day").annotate(
            rest=Sum(F("amount_micros") - F("settled_micros"))
        )
    }
    blocked = HoldRow.objects.filter(blocked_by=row.pk, state=HoldRow.State.QUARANTINED)
    for hold in blocked.values("campaign_id", "day").annotate(amount=Sum("amount_micros")):
        key = (hold["campaign_id"], hold["day"])
        out[key] = out.get(key, 0) + hold["amount"]
    days = CampaignDay.objects.filter(campaign_id__in={campaign for campaign, _ in out})
    currencies = {
        (campaign, day): currency
        for campaign, day, currency in days.values_list("campaign_id", "day", "currency")
    }
    totals: dict[str, int] = {}
    for key, micros in out.items():
        totals[currencies[key]] = totals.get(currencies[key], 0) + micros
    return [Amount(currency, micros) for currency, micros in sorted(totals.items()) if micros]


def frozen_campaigns() -> QuerySet[Freeze]:
    """Campaigns without leases until a person confirms their budget."""
    return Freeze.objects.filter(confirmed_at=None).order_by("-frozen_at")[:ROWS_MAX]


def platform_losses() -> list[Loss]:
    """Campaign-days of which the platform has paid something, newest days first."""
    rows = CampaignDay.objects.annotate(loss=F("late_micros") + F("forgiven_micros"))
    return [
        Loss(row.campaign_id, row.day, row.currency, row.late_micros, row.forgiven_micros)
        for row in rows.filter(loss__gt=0).order_by("-ends_at", "campaign_id")[:ROWS_MAX]
    ]
