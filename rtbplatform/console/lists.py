"""Sorting and paging of lists: only by columns that a page names, with the row's id to make the order total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

ROWS_PER_PAGE = 50


class Sorting:
    """Which column a list is sorted by: `?sort=name` or `?sort=-name`; anything else is the default."""

    def __init__(self, request: HttpRequest, columns: Mapping[str, str], default: str) -> None:
        self.columns = columns
        wanted = request.GET.get("sort", default)
        self.current = wanted if wanted.lstrip("-") in columns else default

    @property
    def order_by(self) -> str:
        descending = self.current.startswith("-")
        return ("-" if descending else "") + self.columns[self.current.lstrip("-")]

    def state(self, column: str) -> str:
        """The value of aria-sort, empty for other columns."""
        if self.current.lstrip("-") != column:
            return ""
        return "descending" if self.current.startswith("-") else "ascending"

    def next(self, column: str) -> str:
        return f"-{column}" if self.current == column else column


def page_of(
    request: HttpRequest, rows: QuerySet[Any] | list[Any], per_page: int = ROWS_PER_PAGE
) -> Page[Any]:
    """The asked page; the nearest one when the number makes no sense."""
    return Paginator(rows, per_page).get_page(request.GET.get("page"))
