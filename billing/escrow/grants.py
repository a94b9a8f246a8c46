"""Grants leases: one synchronous transaction for a batch of requests (R3, R4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from billing.escrow import allocator
from billing.escrow.store import EscrowStore, Region
from billing.escrow.values import Book, Gate, Incarnation, Key
from rtbplatform.kernel.ids import uuid7
from rtbplatform.kernel.protocol import Lease, ProtocolTimes
from rtbplatform.kernel.wire import Grant, LeaseRequest, Refuse

EXHAUSTED_RETRY = 2
"""A campaign without money is asked for this many times less often: what comes back is spent a second later."""
DEMAND_KEPT_MS = 2_000
"""What refused requests ask for is recorded this often: where money is short, refusals are many."""


class Office(Struct, frozen=True):
    """What a region's allocator works with."""

    region: str
    times: ProtocolTimes
    lease_key: bytes
    new_id: Callable[[int], bytes] = uuid7
    """A new lease's id, from Unix ms."""


Answer = tuple[bytes, Grant | Refuse]
"""An incarnation, and the mail for it."""
Needs = Mapping[tuple[int, int], int]
"""By (campaign, day): micros that pacing needs within a lease term; missing = as much as there is."""


def grant_leases(
    store: EscrowStore,
    office: Office,
    requests: Sequence[LeaseRequest],
    holders: Mapping[int, int],
    share: float,
    now_ms: int,
    needs: Needs | None = None,
) -> list[Answer]:
    """Answers in the order of the requests. A request seen before gets the same lease again, a census or not.

    `holders` is the number of bankers per campaign that asked lately, `share` this region's part (0..1] of what no
    region has yet. Raises what the store raises; then nothing was granted.
    """
    with store.transaction():
        return _Batch(store, office, requests, now_ms, needs or {}).answer(holders, share)


class _Batch:
    """One transaction's state: rows locked, decisions applied, rows written."""

    def __init__(
        self,
        store: EscrowStore,
        office: Office,
        requests: Sequence[LeaseRequest],
        now_ms: int,
        needs: Needs,
    ) -> None:
        self.store, self.office, self.requests, self.now_ms = store, office, requests, now_ms
        self.needs = needs
        self.leases: list[Lease] = []
        self._changed: set[Key] = set()
        self._asked: set[Key] = set()
        self._gate: Gate = store.gate()
        # Shared: a fence, which settles under the exclusive lock, comes before or after the whole batch.
        self._incarnations: dict[bytes, Incarnation] = store.lock_incarnations(
            {request.incarnation for request in requests}, exclusive=False
        )
        # A banker cannot name the day: it asks again before its lease ends, and by then the next day has begun.
        self._days = store.days_to_grant(
            [(r.incarnation, r.advertiser, r.campaign) for r in requests], now_ms, self.lead_ms
        )
        pairs = [key[:2] for key in self._days.values()]
        self._balances, self._totals = store.lock_scopes(pairs) if pairs else ({}, {})
        self._scopes_before = (dict(self._balances), dict(self._totals))
        self._locked = store.lock_days(self._days.values()) if pairs else {}
        self._regions = store.lock_regions(self._locked, office.region) if pairs else {}
        # Only now: another treasury may have granted the same request while we waited for the locks.
        self._known = store.leases_of_requests(
            [(request.incarnation, request.no) for request in requests], office.lease_key
        )

    def answer(self, holders: Mapping[int, int], share: float) -> list[Answer]:
        answers: list[Answer] = []
        for request in self.requests:
            lease_or_refusal = self._answer_one(request, holders.get(request.campaign, 1), share)
            answers.append((request.incarnation, lease_or_refusal))
        self._save()
        return answers

    @property
    def lead_ms(self) -> int:
        """How long before its start a day's first leases are granted: half of the time in which bankers renew."""
        return self.office.times.renew_before_end_ms // 2

    def _answer_one(self, request: LeaseRequest, holders: int, share: float) -> Grant | Refuse:
        known = self._known.get((request.incarnation, request.no))
        if known is not None:
            return Grant(known)
        incarnation = self._incarnations.get(request.incarnation)
        if incarnation is None:
            return self._refuse(request, "unregistered")
        if incarnation.state != "open":
            return self._refuse(request, "fenced")
        if not self._gate.is_open:
            return self._refuse(request, "census")
        key = self._days.get((request.incarnation, request.advertiser, request.campaign))
        if key is None or key not in self._locked:
            return self._refuse(request, "not_running")
        region = self._regions.setdefault((key, self.office.region), Region())
        if self.now_ms - region.demand.at_ms >= DEMAND_KEPT_MS:
            self._asked.add(key)
        region.demand = region.demand.asked(
            request.want_micros, self.now_ms, allocator.DEMAND_HALFLIFE_MS
        )
        ask = allocator.Ask(
            request.min_amount_micros,
            request.want_micros,
            holders,
            share,
            self.needs.get((request.campaign, key[2])),
        )
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
            id=self.office.new_id(self.now_ms),
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
            epoch=self._gate.epoch,
            currency=day.currency,
            day_starts_ms=day.starts_ms,
            day_ends_ms=day.ends_ms,
        ).signed(self.office.lease_key)

    def _save(self) -> None:
        """Only what changed: refusals alone write nothing but demand, and that not always."""
        store = self.store
        if self._changed:
            # What a region had unleased was committed when it got it.
            if (self._balances, self._totals) != self._scopes_before:
                store.save_scopes([self._book(key) for key in self._changed])
            store.save_days(self._locked[key] for key in sorted(self._changed))
            store.insert_leases(
                self.leases, self.office.region, self.now_ms, self.office.times.lease_term_ms
            )
        asked = self._changed | self._asked
        if asked:
            store.save_regions(
                {place: row for place, row in self._regions.items() if place[0] in asked}
            )
