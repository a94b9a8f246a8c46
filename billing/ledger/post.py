"""Posts transactions: the only code that inserts ledger rows."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from msgspec import Struct

from billing.ledger.accounts import AccountKey, account_ids, loss, payable, prepaid
from billing.ledger.models import Posting, Transaction


class Draft(Struct, frozen=True, kw_only=True):
    """A transaction to be posted: its debits (positive) and credits (negative), in micros."""

    advertiser_id: int
    kind: str
    currency: str
    amount_micros: int
    """Its effect on the advertiser's balance."""
    lines: tuple[tuple[AccountKey, int], ...]
    reference: str | None = None
    campaign_id: int | None = None
    day: int | None = None
    exchange_id: int | None = None
    incarnation: bytes | None = None
    first_seq: int | None = None
    last_seq: int | None = None


def spend(
    advertiser_id: int,
    currency: str,
    amount_micros: int,
    *,
    campaign_id: int,
    day: int,
    exchange_id: int,
    incarnation: bytes,
    first_seq: int,
    last_seq: int,
    is_loss: bool = False,
) -> Draft:
    """What one campaign-day spent on one exchange in a run of entries; negative when voids prevail.

    The exchange is owed it; the advertiser pays - or the platform, for what was delivered beyond a budget (R7).
    """
    payer = loss(currency) if is_loss else prepaid(currency, advertiser_id)
    return Draft(
        advertiser_id=advertiser_id,
        kind=Transaction.Kind.LOSS if is_loss else Transaction.Kind.SPEND,
        currency=currency,
        amount_micros=0 if is_loss else -amount_micros,
        lines=((payer, amount_micros), (payable(currency, exchange_id), -amount_micros)),
        campaign_id=campaign_id,
        day=day,
        exchange_id=exchange_id,
        incarnation=incarnation,
        first_seq=first_seq,
        last_seq=last_seq,
    )


def post(drafts: Sequence[Draft], posted_at: datetime) -> list[int]:
    """Numbers and inserts transactions; returns their numbers. Call inside a transaction.

    Each advertiser's numbers are gapless: its sequence row is locked until the commit.
    """
    if not drafts:
        return []
    for draft in drafts:
        if sum(amount for _, amount in draft.lines):
            raise ValueError(f"{draft} does not sum to zero")
    ids = account_ids(key for draft in drafts for key, _ in draft.lines)
    following = _reserve(Counter(draft.advertiser_id for draft in drafts))
    numbers: list[int] = []
    for draft in drafts:
        numbers.append(following[draft.advertiser_id])
        following[draft.advertiser_id] += 1
    Transaction.objects.bulk_create(
        [_transaction(draft, no, posted_at) for draft, no in zip(drafts, numbers, strict=True)]
    )
    Posting.objects.bulk_create(
        [
            Posting(
                advertiser_id=draft.advertiser_id,
                transaction_no=no,
                line=line,
                account_id=ids[key],
                currency=draft.currency,
                amount_micros=amount,
            )
            for draft, no in zip(drafts, numbers, strict=True)
            for line, (key, amount) in enumerate(draft.lines)
        ]
    )
    return numbers


def _reserve(counts: Counter[int]) -> dict[int, int]:
    """The first free number of each advertiser; rows are locked in order of the advertisers."""
    advertisers = sorted(counts)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_advertiser_sequence AS s (advertiser_id, last_no)
            SELECT * FROM unnest(%s::bigint[], %s::bigint[])
            ON CONFLICT (advertiser_id) DO UPDATE SET last_no = s.last_no + excluded.last_no
            RETURNING advertiser_id, last_no
            """,
            [advertisers, [counts[one] for one in advertisers]],
        )
        return {row[0]: row[1] - counts[row[0]] + 1 for row in cursor.fetchall()}


def _transaction(draft: Draft, no: int, posted_at: datetime) -> Transaction:
    return Transaction(
        advertiser_id=draft.advertiser_id,
        no=no,
        kind=draft.kind,
        posted_at=posted_at,
        currency=draft.currency,
        amount_micros=draft.amount_micros,
        reference=draft.reference,
        campaign_id=draft.campaign_id,
        day=draft.day,
        exchange_id=draft.exchange_id,
        incarnation_id=uuid.UUID(bytes=draft.incarnation) if draft.incarnation else None,
        first_seq=draft.first_seq,
        last_seq=draft.last_seq,
    )
