"""Writes what a fold decided, in few statements: campaign-days, region rows, leases, audit chunks, postings."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.utils import timezone

from billing.audit.store import store_chunks, store_keys
from billing.escrow.repository import columns, execute, fetch
from billing.ledger.post import Draft, post, spend
from billing.settlement.fold import Effects, Key, Numbered, StreamError
from rtbplatform.kernel.stream import Chunk


def write(
    incarnation: bytes, chunks: Sequence[Chunk], numbered: Sequence[Numbered], effects: Effects
) -> None:
    """Call inside the settling transaction, with the incarnation's row locked."""
    currencies = _lock_days(effects)
    _write_days(effects)
    _write_regions(effects)
    _write_leases(effects)
    store_chunks(chunks, numbered)
    store_keys(chunks)
    post(_drafts(incarnation, effects, currencies), timezone.now())


def _lock_days(effects: Effects) -> dict[Key, str]:
    """Currencies by campaign-day; locks campaign-days, then their region rows, in key order."""
    keys = columns(sorted(effects.days), 3)
    rows = fetch(
        """
        SELECT advertiser_id, campaign_id, day, currency FROM escrow_campaign_day
        WHERE (advertiser_id, campaign_id, day) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[]))
        ORDER BY advertiser_id, campaign_id, day FOR UPDATE
        """,
        keys,
    )
    if len(rows) != len(effects.days):
        raise StreamError("a lease belongs to a campaign-day that does not exist")
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _write_days(effects: Effects) -> None:
    execute(
        """
        UPDATE escrow_campaign_day AS d SET leased_micros = leased_micros + n.leased,
            settled_micros = settled_micros + n.settled, unknown_micros = unknown_micros + n.unknown,
            allocated_micros = allocated_micros + n.returned,
            is_closed = is_closed AND n.returned = 0
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
            AS n (advertiser, campaign, day, leased, settled, unknown, returned)
        WHERE d.advertiser_id = n.advertiser AND d.campaign_id = n.campaign AND d.day = n.day
        """,
        columns(
            (
                (*key, day.leased, day.settled, day.unknown, sum(day.returned.values()))
                for key, day in effects.days.items()
            ),
            7,
        ),
    )


def _write_regions(effects: Effects) -> None:
    """Money that comes back goes to the region it was leased from; the coordinator takes it further within a second.

    The campaign-day's lock, which every writer of its region rows holds, guards the rows.
    """
    rows = [
        (*key, region, amount)
        for key, day in sorted(effects.days.items())
        for region, amount in sorted(day.returned.items())
        if amount
    ]
    if not rows:
        return
    execute(
        """
        INSERT INTO escrow_region_allocation AS r
            (advertiser_id, campaign_id, day, region, unleased_micros, demand_micros_s)
        SELECT a, c, day, region, amount, 0
        FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[]) AS n (a, c, day, region, amount)
        ON CONFLICT (advertiser_id, campaign_id, day, region)
            DO UPDATE SET unleased_micros = r.unleased_micros + excluded.unleased_micros
        """,
        columns(rows, 5),
    )


def _write_leases(effects: Effects) -> None:
    execute(
        """
        UPDATE escrow_lease AS l SET settled_micros = n.settled, returned_micros = n.returned, state = n.state,
            is_accepted = n.accepted, closed_at = CASE WHEN n.state <> 'open' THEN coalesce(l.closed_at, now()) END
        FROM unnest(%s::bigint[], %s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::bool[])
            AS n (advertiser, id, settled, returned, state, accepted)
        WHERE l.advertiser_id = n.advertiser AND l.id = n.id
        """,
        columns(
            (
                (
                    *(lease.key[0], uuid.UUID(bytes=lease.id), lease.settled, lease.returned),
                    *(lease.state, lease.is_accepted),
                )
                for lease in effects.leases.values()
            ),
            6,
        ),
    )


def _drafts(incarnation: bytes, effects: Effects, currencies: dict[Key, str]) -> list[Draft]:
    return [
        spend(
            advertiser,
            currencies[advertiser, campaign, day],
            spent.amount,
            campaign_id=campaign,
            day=day,
            exchange_id=exchange,
            incarnation=incarnation,
            first_seq=spent.first_seq,
            last_seq=spent.last_seq,
        )
        for (advertiser, campaign, day, exchange), spent in sorted(effects.spends.items())
        if spent.amount
    ]
