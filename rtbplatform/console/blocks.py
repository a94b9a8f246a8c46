"""The fraud analyst's block list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import policy
from campaigns.console.access import staff_page, user_of
from campaigns.policy import Action
from fraud.models import BlockEntry, BlockKind
from fraud.services import block_entry_remove, block_entry_set
from rtbplatform.console import csv_files
from rtbplatform.console.fields import LocalDateTimeField
from rtbplatform.console.lists import Sorting, page_of
from rtbplatform.console.submitting import submitted

COLUMNS = {"value": "value", "kind": "kind", "expires": "expires_at", "added": "created_at"}


class BlockFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search")
    kind = django_filters.ChoiceFilter(choices=BlockKind.choices, empty_label="Any kind")

    class Meta:
        model = BlockEntry
        fields = ["q", "kind"]

    def search(self, rows: QuerySet[BlockEntry], name: str, value: str) -> QuerySet[BlockEntry]:  # noqa: ARG002 - the library's signature
        return rows.filter(Q(value__icontains=value) | Q(reason__icontains=value))


class BlockForm(forms.Form):
    kind = forms.ChoiceField(choices=BlockKind.choices)
    value = forms.CharField(max_length=255, help_text="For example 192.0.2.0/24, or a domain.")
    reason = forms.CharField(max_length=200, help_text="Who lifts the block later reads it.")
    expires_at = LocalDateTimeField(label="Expires", required=False, help_text="UTC. Empty: never.")

    def clean_expires_at(self) -> Any:
        typed = self.cleaned_data["expires_at"]
        moment = typed.replace(tzinfo=UTC) if typed else None
        if moment and moment <= timezone.now():
            raise forms.ValidationError("Choose a time to come.")
        return moment


def _filtered(request: HttpRequest, sorting: Sorting) -> tuple[BlockFilter, QuerySet[BlockEntry]]:
    rows = BlockEntry.objects.select_related("created_by")
    narrowed = BlockFilter(request.GET, queryset=rows)
    return narrowed, narrowed.qs.order_by(sorting.order_by, "id")


@require_http_methods(["GET", "POST"])
@staff_page(Action.BLOCKS_VIEW)
def blocks(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = BlockForm(request.POST or None)
    if request.method == "POST":
        policy.require(user, Action.BLOCKS_EDIT)
        if submitted(form, lambda: _add(request, form)) is not None:
            messages.success(request, "Blocked. Bidders know it within 2 seconds.")
            return redirect("console:blocks")
    sorting = Sorting(request, COLUMNS, default="-added")
    narrowed, rows = _filtered(request, sorting)
    context = {
        "form": form,
        "filter": narrowed,
        "sorting": sorting,
        "page": page_of(request, rows),
        "may": {"edit": policy.allowed(user, Action.BLOCKS_EDIT)},
    }
    return render(request, "operator/blocks.html", context, status=422 if form.errors else 200)


def _add(request: HttpRequest, form: BlockForm) -> BlockEntry:
    data = form.cleaned_data
    return block_entry_set(
        actor=user_of(request),
        kind=data["kind"],
        value=data["value"],
        block_reason=data["reason"],
        expires_at=data["expires_at"],
    )


@require_POST
@staff_page(Action.BLOCKS_EDIT)
def block_remove(request: HttpRequest, entry_id: int) -> HttpResponse:
    entry = get_object_or_404(BlockEntry, pk=entry_id)
    block_entry_remove(actor=user_of(request), entry_id=entry.pk)
    messages.success(request, f"{entry.value} is no longer blocked.")
    return redirect("console:blocks")


@require_safe
@staff_page(Action.BLOCKS_VIEW)
def blocks_csv(request: HttpRequest) -> StreamingHttpResponse:
    _, rows = _filtered(request, Sorting(request, COLUMNS, default="-added"))

    def lines() -> Iterator[list[Any]]:
        for entry in rows.iterator(chunk_size=1000):
            expires = entry.expires_at.isoformat() if entry.expires_at else ""
            by = entry.created_by.email if entry.created_by else ""
            yield [entry.kind, entry.value, entry.reason, expires, entry.created_at.isoformat(), by]

    header = ("kind", "value", "reason", "expires_at", "added_at", "added_by")
    return csv_files.stream("block-list", header, lines())
