"""Ledger entries of an advertiser, newest first, each with its effect on the balance; one entry with its postings and
the auctions behind it; balances."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import django_filters
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from billing.console import ledger_rows, records
from billing.console.day_figures import calendar
from billing.ledger.models import Transaction
from billing.selectors import ledger_entries, postings_of
from campaigns import policy
from campaigns.console.access import advertiser_page, staff_page, user_of
from campaigns.models import Advertiser
from campaigns.policy import Action
from rtbplatform.console import csv_files
from rtbplatform.console.lists import Sorting, page_of
from rtbplatform.kernel.calendar import EPOCH
from rtbplatform.kernel.money import format_micros

COLUMNS = {"no": "no", "amount": "amount_micros"}
DEBITS_SHOWN_MAX = 500


class LedgerFilter(django_filters.FilterSet):
    campaign = django_filters.NumberFilter(
        field_name="campaign_id", min_value=1, max_value=2**63 - 1
    )
    day = django_filters.CharFilter(method="of_day")
    kind = django_filters.ChoiceFilter(choices=Transaction.Kind.choices, empty_label="Any kind")

    class Meta:
        model = Transaction
        fields = ["campaign", "day", "kind"]

    def of_day(self, rows: QuerySet[Transaction], name: str, value: str) -> QuerySet[Transaction]:  # noqa: ARG002 - the library's signature
        """A calendar date; in rehearsals with short days the day's number."""
        try:
            day = int(value) if value.isdigit() else (date.fromisoformat(value) - EPOCH).days
        except ValueError:
            return rows.none()
        return rows.filter(day=day) if -(2**31) <= day < 2**31 else rows.none()


def _filtered(
    request: HttpRequest, advertiser: Advertiser, sorting: Sorting
) -> tuple[LedgerFilter, QuerySet[Transaction]]:
    rows = ledger_entries(advertiser.pk)
    narrowed = LedgerFilter(request.GET, queryset=rows)
    return narrowed, narrowed.qs.order_by(sorting.order_by, "-no")


@require_safe
@advertiser_page(Action.LEDGER_VIEW)
def advertiser_ledger(request: HttpRequest, advertiser: Advertiser) -> HttpResponse:
    sorting = Sorting(request, COLUMNS, default="-no")
    narrowed, rows = _filtered(request, advertiser, sorting)
    page = page_of(request, rows)
    entries = ledger_rows.with_names(advertiser, list(page.object_list))
    (balance,) = ledger_rows.balances([advertiser])
    context = {
        "advertiser": advertiser,
        "balance": balance,
        "filter": narrowed,
        "is_filtered": any(request.GET.get(name) for name in narrowed.filters),
        "sorting": sorting,
        "page": page,
        "entries": entries,
        "day_labels": {one.transaction.day: _label(one.transaction.day) for one in entries},
    }
    return render(request, "billing/ledger.html", context)


def _label(day: int | None) -> str:
    return "" if day is None else calendar().label(day)


@require_safe
@advertiser_page(Action.LEDGER_VIEW)
def ledger_csv(request: HttpRequest, advertiser: Advertiser) -> StreamingHttpResponse:
    _, rows = _filtered(request, advertiser, Sorting(request, COLUMNS, default="-no"))

    def lines() -> Iterator[list[Any]]:
        for one in rows.iterator(chunk_size=1000):
            amount = format_micros(one.amount_micros)
            place = [one.campaign_id, _label(one.day), one.exchange_id, one.incarnation_id]
            yield [
                *(one.no, one.posted_at.isoformat(), one.kind, one.currency, amount),
                *place,
                *(one.first_seq, one.last_seq, one.reference),
            ]

    header = (
        *("no", "posted_at", "kind", "currency", "amount", "campaign", "day", "exchange"),
        *("stream", "first_entry", "last_entry", "reference"),
    )
    return csv_files.stream(f"ledger-{advertiser.pk}", header, lines())


@require_safe
@advertiser_page(Action.LEDGER_VIEW)
def ledger_entry(request: HttpRequest, advertiser: Advertiser, number: int) -> HttpResponse:
    entry = get_object_or_404(Transaction, advertiser_id=advertiser.pk, no=number)
    (row,) = ledger_rows.with_names(advertiser, [entry])
    debits = _debits(entry)
    context = {
        "advertiser": advertiser,
        "row": row,
        "entry": entry,
        "day_label": _label(entry.day),
        "postings": postings_of(advertiser.pk, entry.no),
        "debits": debits[:DEBITS_SHOWN_MAX],
        "debits_count": len(debits),
        "debits_sum_micros": sum(one.amount_micros for one in debits),
        "may_audit": policy.allowed(user_of(request), Action.AUDIT_VIEW),
    }
    return render(request, "billing/ledger_entry.html", context)


def _debits(entry: Transaction) -> list[records.DebitRow]:
    if entry.incarnation_id is None or entry.campaign_id is None:
        return []
    located = records.of_entry(entry.incarnation_id, entry.first_seq or 0, entry.last_seq or 0)
    return records.debits(located, entry.campaign_id, entry.day or 0, entry.exchange_id or 0)


@require_safe
@staff_page(Action.LEDGER_VIEW)
def ledger(request: HttpRequest) -> HttpResponse:
    """Finance's way in: the ledger of an advertiser, the first one unless named."""
    advertisers = policy.visible_advertisers(user_of(request))
    wanted = request.GET.get("advertiser", "")
    try:
        row = (
            advertisers.get(pk=int(wanted))
            if wanted.isdigit()
            else advertisers.order_by("is_platform_owned", "name").first()
        )
    except ObjectDoesNotExist as error:
        raise Http404 from error
    if row is None:
        return redirect("console:balances")
    return redirect("console:advertiser_ledger", row.pk)


@require_safe
@staff_page(Action.LEDGER_VIEW)
def balances(request: HttpRequest) -> HttpResponse:
    rows = policy.visible_advertisers(user_of(request))
    if wanted := request.GET.get("q", "").strip():
        rows = rows.filter(name__icontains=wanted)
    page = page_of(request, rows)
    context = {
        "page": page,
        "rows": ledger_rows.balances(list(page.object_list)),
        "q": wanted,
        "may_credit": policy.allowed(user_of(request), Action.CREDIT_EDIT),
    }
    return render(request, "billing/balances.html", context)
