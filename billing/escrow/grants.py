"""Grants leases: one synchronous transaction for a batch of requests (R3, R4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from msgspec import Struct

from billing.escrow import allocator
from billing.escrow.repository import (
    Region,
    columns,
    execute,
    fetch,
    from_ms,
    lock_days,
    lock_regions,
    lock_scopes,
    save_days,
    save_regions,
    save_scopes,
)
from billing.escrow.values import Book, Key
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.protocol import Lease, ProtocolTimes
from rtbplatform.kernel.wire import Grant, LeaseRequest, Refuse

EXHAUSTED_RETRY = 2
"""A campaign without money is asked for this many times less often: what comes back is spent a second later."""
DEMAND_KEPT_MS = 2_000
"""What refused requests ask for is recorded this often: where money is short, refusals are many."""
LEASE_COLUMNS = (
    "id, no, request_no, incarnation_id, advertiser_id, campaign_id, day, amount_micros, budget_version, "
    "spend_for_ms, starts_in_ms, ends_in_ms"
)


class Office(Struct, frozen=True):
    """What a region's allocator works with."""

    region: str
    times: ProtocolTimes
    lease_key: bytes


Answer = tuple[bytes, Grant | Refuse]
"""An incarnation, and the mail for it."""


def lease_of_row(row: tuple[Any, ...], key: bytes) -> Lease:
    """A row of LEASE_COLUMNS as it was granted, signed again: the same bytes as the first time."""
    identifier, number, request_no, incarnation, *rest = row
    return Lease(identifier.bytes, number, request_no, incarnation.bytes, *rest).signed(key)


def grant_leases(
    office: Office,
    requests: Sequence[LeaseRequest],
    holders: Mapping[int, int],
    shares: float,
    now_ms: int,
) -> list[Answer]:
    """Answers in the order of the requests. A request seen before gets the same lease again.

    `holders` is the number of bankers per campaign that asked lately, `shares` this region's part (0..1] of what no
    region has yet. Raises django.db.Error; then nothing was granted.
    """
    with transaction.atomic():
        return _Batch(office, requests, now_ms).answer(holders, shares)


class _Batch:
    """One transaction's state: rows locked, decisions applied, rows written."""

    def __init__(self, office: Office, requests: Sequence[LeaseRequest], now_ms: int) -> None:
        self.office, self.requests, self.now_ms = office, requests, now_ms
        self.leases: list[Lease] = []
        self._changed: set[Key] = set()
        self._asked: set[Key] = set()
        self._states = self._lock_incarnations()
        self._days = self._choose_days()
        pairs = [key[:2] for key in self._days.values()]
        self._balances, self._totals = lock_scopes(pairs) if pairs else ({}, {})
        self._locked = lock_days(self._days.values()) if pairs else {}
        self._regions = lock_regions(self._locked, office.region) if pairs else {}
        # Only now: another treasury may have granted the same request while we waited for the locks.
        self._known = self._leases_of_repeated()

    def answer(self, holders: Mapping[int, int], share: float) -> list[Answer]:
        answers: list[Answer] = []
        for request in self.requests:
            lease_or_refusal = self._answer_one(request, holders.get(request.campaign, 1), share)
            answers.append((request.incarnation, lease_or_refusal))
        self._save()
        return answers

    def _lock_incarnations(self) -> dict[bytes, str]:
        """Shared: a fence, which settles under the exclusive lock, comes before or after the whole batch."""
        rows = fetch(
            "SELECT id, state FROM escrow_incarnation WHERE id = ANY(%s) ORDER BY id FOR SHARE",
            [[uuid.UUID(bytes=one) for one in sorted({r.incarnation for r in self.requests})]],
        )
        return {row[0].bytes: row[1] for row in rows}

    def _leases_of_repeated(self) -> dict[tuple[bytes, int], Lease]:
        rows = fetch(
            f"""
            SELECT {LEASE_COLUMNS} FROM escrow_lease WHERE (incarnation_id, request_no) IN
                (SELECT * FROM unnest(%s::uuid[], %s::bigint[]))
            """,  # noqa: S608 - a constant
            columns(((uuid.UUID(bytes=r.incarnation), r.no) for r in self.requests), 2),
        )
        leases = (lease_of_row(row, self.office.lease_key) for row in rows)
        return {(lease.incarnation, lease.request_no): lease for lease in leases}

    def _choose_days(self) -> dict[tuple[bytes, int, int], Key]:
        """Today's campaign-day for each campaign asked for; near its end the next one, once per banker.

        A banker cannot name the day: it asks again before its lease ends, and by then the next day has begun.
        """
        asked = [(uuid.UUID(bytes=r.incarnation), r.advertiser, r.campaign) for r in self.requests]
        now, soon = from_ms(self.now_ms), from_ms(self.now_ms + self.lead_ms)
        rows = fetch(
            """
            SELECT DISTINCT ON (i, a, c) i, a, c, d.day
            FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS asked (i, a, c)
            JOIN escrow_campaign_day d ON d.advertiser_id = a AND d.campaign_id = c
            WHERE (d.starts_at <= %s AND d.ends_at > %s) OR (
                d.starts_at > %s AND d.starts_at <= %s AND d.is_running AND NOT EXISTS (
                    SELECT 1 FROM escrow_lease l WHERE l.campaign_id = c AND l.day = d.day AND l.incarnation_id = i))
            ORDER BY i, a, c, d.day DESC
            """,
            [*columns(asked, 3), now, now, now, soon],
        )
        return {(row[0].bytes, row[1], row[2]): (row[1], row[2], row[3]) for row in rows}

    @property
    def lead_ms(self) -> int:
        """How long before its start a day's first leases are granted: half of the time in which bankers renew."""
        return self.office.times.renew_before_end_ms // 2

    def _answer_one(self, request: LeaseRequest, holders: int, share: float) -> Grant | Refuse:
        known = self._known.get((request.incarnation, request.no))
        if known is not None:
            return Grant(known)
        state = self._states.get(request.incarnation)
        if state != "open":
            return self._refuse(request, "unregistered" if state is None else "fenced")
        key = self._days.get((request.incarnation, request.advertiser, request.campaign))
        if key is None or key not in self._locked:
            return self._refuse(request, "not_running")
        region = self._regions.setdefault((key, self.office.region), Region())
        if self.now_ms - region.demand.at_ms >= DEMAND_KEPT_MS:
            self._asked.add(key)
        region.demand = region.demand.asked(
            request.want_micros, self.now_ms, allocator.DEMAND_HALFLIFE_MS
        )
        ask = allocator.Ask(request.min_amount_micros, request.want_micros, holders, share)
        decision = allocator.grant(ask, self._book(key), region.unleased)
        if isinstance(decision, allocator.Refused):
            return self._refuse(request, decision.reason)
        self._keep(decision.book)
        region.unleased = decision.unleased
        lease = self._lease(request, decision)
        self._known[request.incarnation, request.no] = lease
        self.leases.append(lease)
        return Grant(lease)

    def _book(self, key: Key) -> Book:
        return Book(self._locked[key], self._balances[key[0]], self._totals[key[:2]])

    def _keep(self, book: Book) -> None:
        key = book.day.key
        self._changed.add(key)
        self._locked[key] = book.day
        self._balances[key[0]], self._totals[key[:2]] = book.balance, book.total

    def _refuse(self, request: LeaseRequest, reason: str) -> Refuse:
        retry_ms = self.office.times.refused_retry_ms
        if reason == "exhausted":
            retry_ms *= EXHAUSTED_RETRY
        return Refuse(request.no, request.campaign, reason, retry_ms)

    def _lease(self, request: LeaseRequest, granted: allocator.Granted) -> Lease:
        day = granted.book.day
        return Lease(
            id=uuid7(self.now_ms),
            no=day.lease_no_high,
            request_no=request.no,
            incarnation=request.incarnation,
            advertiser=day.advertiser,
            campaign=day.campaign,
            day=day.day,
            amount_micros=granted.amount,
            budget_version=day.version,
            spend_for_ms=self.office.times.lease_working_ms,
            starts_in_ms=max(0, day.starts_ms - self.now_ms),
            ends_in_ms=day.ends_ms - self.now_ms,
        ).signed(self.office.lease_key)

    def _save(self) -> None:
        """Only what changed: refusals alone write nothing but demand, and that not always."""
        if self._changed:
            save_scopes([self._book(key) for key in self._changed])
            save_days(self._locked[key] for key in self._changed)
            self._insert_leases()
        asked = self._changed | self._asked
        if asked:
            save_regions({place: row for place, row in self._regions.items() if place[0] in asked})

    def _insert_leases(self) -> None:
        term = self.office.times.lease_term_ms
        rows = [
            (
                *(
                    uuid.UUID(bytes=one.id),
                    one.no,
                    one.request_no,
                    uuid.UUID(bytes=one.incarnation),
                ),
                *(one.advertiser, one.campaign, one.day, one.amount_micros, one.budget_version),
                *(one.spend_for_ms, one.starts_in_ms, one.ends_in_ms),
                from_ms(self.now_ms),
                from_ms(self.now_ms + one.starts_in_ms + term),
            )
            for one in self.leases
        ]
        execute(
            f"""
            INSERT INTO escrow_lease ({LEASE_COLUMNS}, granted_at, expires_at, region, settled_micros, returned_micros,
                state, is_accepted)
            SELECT new.*, %s, 0, 0, 'open', false FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::uuid[],
                %s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::int[], %s::bigint[],
                %s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS new
            """,  # noqa: S608 - a constant
            [self.office.region, *columns(rows, 14)],
        )
