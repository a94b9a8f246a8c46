"""Reads of the ledger for pages: entries with the balance after each, balances, and an entry's postings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from billing.escrow.models import BudgetScope
from billing.ledger.models import Transaction
from campaigns.models import Advertiser, Campaign, Exchange


@dataclass(frozen=True)
class EntryRow:
    transaction: Transaction
    campaign_name: str
    exchange_name: str
    balance_micros: int
    """The advertiser's balance after it."""


@dataclass(frozen=True)
class BalanceRow:
    advertiser: Advertiser
    balance_micros: int
    deposited_micros: int
    spent_micros: int
    credit_micros: int
    room_micros: int
    """The limit without what is committed. Negative: more is committed than the limit allows by now."""

    @property
    def free_micros(self) -> int:
        return max(0, self.room_micros)

    @property
    def over_micros(self) -> int:
        return max(0, -self.room_micros)


def with_names(advertiser: Advertiser, entries: Sequence[Transaction]) -> list[EntryRow]:
    """Call inside the advertiser's scope. Four queries, whatever the number of entries."""
    campaigns = _names(Campaign.objects.filter(pk__in={one.campaign_id for one in entries}))
    exchanges = _names(Exchange.objects.filter(pk__in={one.exchange_id for one in entries}))
    balances = _balances_after(advertiser, [one.no for one in entries])
    return [
        EntryRow(
            one,
            campaigns.get(one.campaign_id or 0, ""),
            exchanges.get(one.exchange_id or 0, ""),
            balances[one.no],
        )
        for one in entries
    ]


def _names(rows: QuerySet[Any]) -> dict[int, str]:
    return dict(rows.values_list("pk", "name"))


def _balances_after(advertiser: Advertiser, numbers: Sequence[int]) -> dict[int, int]:
    """Entries are gapless and in order, so that the balance after one is the sum up to its number."""
    if not numbers:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT no, balance FROM (
                SELECT no, (%(before)s + sum(amount_micros) OVER (ORDER BY no))::bigint AS balance
                FROM ledger_transaction
                WHERE advertiser_id = %(advertiser)s AND no BETWEEN %(low)s AND %(high)s
            ) AS running WHERE no = ANY(%(numbers)s)
            """,
            {
                "before": _balance_before(advertiser, min(numbers)),
                "advertiser": advertiser.pk,
                "low": min(numbers),
                "high": max(numbers),
                "numbers": list(numbers),
            },
        )
        return dict(cursor.fetchall())


def _balance_before(advertiser: Advertiser, number: int) -> int:
    rows = Transaction.objects.filter(advertiser_id=advertiser.pk, no__lt=number)
    return int(rows.aggregate(total=Sum("amount_micros"))["total"] or 0)


def balances(advertisers: Sequence[Advertiser]) -> list[BalanceRow]:
    """Told apart by kind, not by sign: a batch of spend is negative when voids prevail in it, and yet no payment."""
    rows = (
        Transaction.objects.filter(advertiser_id__in=[one.pk for one in advertisers])
        .values("advertiser_id")
        .annotate(
            balance=Sum("amount_micros"),
            deposited=Sum("amount_micros", filter=Q(kind=Transaction.Kind.DEPOSIT)),
            spent=Sum("amount_micros", filter=Q(kind=Transaction.Kind.SPEND)),
        )
    )
    sums = {row["advertiser_id"]: row for row in rows}
    scopes = BudgetScope.objects.filter(
        advertiser_id__in=[one.pk for one in advertisers],
        kind=BudgetScope.Kind.BALANCE,
    )
    limits = {scope.advertiser_id: scope for scope in scopes}
    return [_balance(one, sums.get(one.pk, {}), limits.get(one.pk)) for one in advertisers]


def _balance(
    advertiser: Advertiser, sums: Mapping[str, Any], limit: BudgetScope | None
) -> BalanceRow:
    return BalanceRow(
        advertiser,
        balance_micros=int(sums.get("balance") or 0),
        deposited_micros=int(sums.get("deposited") or 0),
        spent_micros=-int(sums.get("spent") or 0),
        credit_micros=limit.credit_micros if limit else 0,
        room_micros=(limit.limit_micros or 0) - limit.committed_micros if limit else 0,
    )
