"""What the ledger says: balances as folds of postings, statements, spend over time. Amounts in micros."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, QuerySet, Sum, Value
from django.db.models.fields import DateTimeField
from msgspec import Struct

from billing.ledger.models import Account, Posting, Transaction


class Spent(Struct, frozen=True):
    """What was spent in one interval of time."""

    starts_at: datetime
    amount_micros: int


def _credit(**account: Any) -> int:
    """Credits less debits of the accounts that match."""
    accounts = Account.objects.filter(**account).values("id")
    total = Posting.objects.filter(account_id__in=accounts).aggregate(sum=Sum("amount_micros"))
    return -int(total["sum"] or 0)


def balance_micros(advertiser_id: int) -> int:
    """What an advertiser has paid in advance and not spent, in its currency."""
    return _credit(kind=Account.Kind.PREPAID, advertiser_id=advertiser_id)


def payable_micros(exchange_id: int, currency: str) -> int:
    """What is owed to an exchange in one currency."""
    return _credit(kind=Account.Kind.PAYABLE, exchange_id=exchange_id, currency=currency)


def loss_micros(currency: str) -> int:
    """What the platform paid itself: delivered beyond budgets."""
    return -_credit(kind=Account.Kind.LOSS, currency=currency)


def ledger_entries(
    advertiser_id: int,
    *,
    campaign_id: int | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Transaction]:
    """An advertiser's financial events, newest first; each with its effect on the balance (`amount_micros`)."""
    entries = Transaction.objects.filter(advertiser_id=advertiser_id)
    if campaign_id is not None:
        entries = entries.filter(campaign_id=campaign_id)
    if kind is not None:
        entries = entries.filter(kind=kind)
    if since is not None:
        entries = entries.filter(posted_at__gte=since)
    if until is not None:
        entries = entries.filter(posted_at__lt=until)
    return entries.order_by("-no")


def postings_of(advertiser_id: int, transaction_no: int) -> QuerySet[Posting]:
    """A transaction's postings with their accounts."""
    postings = Posting.objects.filter(advertiser_id=advertiser_id, transaction_no=transaction_no)
    return postings.select_related("account").order_by("line")


def spend_series(
    campaign_id: int, since: datetime, until: datetime, step: timedelta = timedelta(minutes=5)
) -> list[Spent]:
    """What a campaign spent in each interval from `since` (by time of settlement); intervals without spend left out."""
    bucket = Func(
        Value(step),
        F("posted_at"),
        Value(since),
        function="date_bin",
        output_field=DateTimeField(),
    )
    rows = (
        Transaction.objects.filter(
            campaign_id=campaign_id,
            kind=Transaction.Kind.SPEND,
            posted_at__gte=since,
            posted_at__lt=until,
        )
        .annotate(bucket=bucket)
        .values("bucket")
        .annotate(spent=Sum("amount_micros"))
        .order_by("bucket")
    )
    return [Spent(row["bucket"], -row["spent"]) for row in rows]
