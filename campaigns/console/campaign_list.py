"""The list of an advertiser's campaigns, and the same rows as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.console import figures
from campaigns.console.access import advertiser_page, may_of, user_of
from campaigns.console.filters import CampaignFilter
from campaigns.models import Advertiser, Campaign
from campaigns.policy import Action
from rtbplatform.console import csv_files
from rtbplatform.console.lists import Sorting, page_of
from rtbplatform.kernel.money import format_micros

COLUMNS = {
    "name": "name",
    "status": "status",
    "budget": "daily_budget_micros",
    "bid": "bid_cpm_micros",
    "pacing": "pacing",
    "starts": "starts_at",
}
CSV_BATCH = 500
CSV_HEADER = (
    *("id", "name", "status", "currency", "daily_budget", "total_budget", "spent_today"),
    *("max_cpm", "pacing", "starts_at", "ends_at", "time_zone"),
)


def _filtered(request: HttpRequest, sorting: Sorting) -> tuple[CampaignFilter, QuerySet[Campaign]]:
    narrowed = CampaignFilter(request.GET, queryset=Campaign.objects.all())
    return narrowed, narrowed.qs.order_by(sorting.order_by, "id")


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def campaign_list(request: HttpRequest, advertiser: Advertiser) -> HttpResponse:
    sorting = Sorting(request, COLUMNS, default="name")
    narrowed, campaigns = _filtered(request, sorting)
    page = page_of(request, campaigns)
    today = figures.today_of(list(page.object_list))
    return render(
        request,
        "campaigns/list.html",
        {
            "advertiser": advertiser,
            "may": may_of(user_of(request), advertiser),
            "filter": narrowed,
            "is_filtered": any(request.GET.get(name) for name in narrowed.filters),
            "sorting": sorting,
            "page": page,
            "rows": [{"campaign": one, "figures": today.get(one.pk)} for one in page.object_list],
        },
    )


@require_safe
@advertiser_page(Action.CAMPAIGNS_VIEW)
def campaign_csv(request: HttpRequest, advertiser: Advertiser) -> StreamingHttpResponse:
    _, campaigns = _filtered(request, Sorting(request, COLUMNS, default="name"))
    return csv_files.stream(f"campaigns-{advertiser.pk}", CSV_HEADER, _csv_rows(campaigns))


def _csv_rows(campaigns: QuerySet[Campaign]) -> Iterator[list[Any]]:
    rows = campaigns.iterator(chunk_size=CSV_BATCH)
    while batch := list(islice(rows, CSV_BATCH)):
        today = figures.today_of(batch)
        for campaign in batch:
            spent = today[campaign.pk].spent_micros if campaign.pk in today else 0
            yield _csv_row(campaign, spent)


def _csv_row(campaign: Campaign, spent_micros: int) -> list[Any]:
    total = campaign.total_budget_micros
    return [
        campaign.pk,
        campaign.name,
        campaign.status,
        campaign.currency,
        format_micros(campaign.daily_budget_micros),
        "" if total is None else format_micros(total),
        format_micros(spent_micros),
        format_micros(campaign.bid_cpm_micros),
        campaign.pacing,
        campaign.starts_at.isoformat(),
        campaign.ends_at.isoformat() if campaign.ends_at else "",
        campaign.time_zone,
    ]
