"""Accounts are made when they are first posted to."""

from __future__ import annotations

from collections.abc import Iterable

from billing.ledger.models import Account

AccountKey = tuple[str, str, int, int]
"""(kind, currency, advertiser, exchange); 0 where it does not apply."""


def account_ids(keys: Iterable[AccountKey]) -> dict[AccountKey, int]:
    """The ids of accounts, made where missing. Call inside the transaction that posts to them."""
    wanted = set(keys)
    found = _find(wanted)
    missing = wanted - found.keys()
    if missing:
        Account.objects.bulk_create(
            (
                Account(
                    kind=kind, currency=currency, advertiser_id=advertiser, exchange_id=exchange
                )
                for kind, currency, advertiser, exchange in sorted(missing)
            ),
            ignore_conflicts=True,
        )
        found |= _find(missing)
    return found


def _find(wanted: set[AccountKey]) -> dict[AccountKey, int]:
    rows = Account.objects.filter(
        advertiser_id__in={key[2] for key in wanted}, exchange_id__in={key[3] for key in wanted}
    ).values_list("kind", "currency", "advertiser_id", "exchange_id", "id")
    found = {(row[0], row[1], row[2], row[3]): row[4] for row in rows}
    return {key: found[key] for key in wanted if key in found}


def cash(currency: str) -> AccountKey:
    return Account.Kind.CASH, currency, 0, 0


def prepaid(currency: str, advertiser_id: int) -> AccountKey:
    return Account.Kind.PREPAID, currency, advertiser_id, 0


def payable(currency: str, exchange_id: int) -> AccountKey:
    return Account.Kind.PAYABLE, currency, 0, exchange_id


def loss(currency: str) -> AccountKey:
    return Account.Kind.LOSS, currency, 0, 0
