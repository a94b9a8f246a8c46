"""Answers bankers' mail: registrations and lease requests at once; chunks go to the settler.

In: `wire.ToTreasury`. Out: Cursor, Grant, Refuse into the bankers' mailboxes. On failure: nothing was granted, bankers
ask again with the same number. Time: a grant is in the mailbox within 50 ms of its request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

from billing.escrow.grants import Answer, Needs, Office, grant_leases
from billing.escrow.incarnations import regions_open, register
from billing.escrow.journal import Journal
from billing.escrow.store import SettlementStore
from billing.treasury.holders import Holders
from billing.treasury.ports import Mail
from rtbplatform.kernel.clock import Clock
from rtbplatform.kernel.stream import Chunk
from rtbplatform.kernel.wire import LeaseRequest, Register, Ship, ToTreasury

log = structlog.get_logger(__name__)

TAKE_TIMEOUT_S = 0.5
REGIONS_KEPT_MS = 5_000


def newest(requests: Iterable[LeaseRequest]) -> list[LeaseRequest]:
    """One request per banker and campaign: whoever asked again has given up the ones before, and a lease for them would
    arrive dead. That is how a treasury that has fallen behind catches up."""
    kept: dict[tuple[bytes, int], LeaseRequest] = {}
    for request in requests:
        place = (request.incarnation, request.campaign)
        known = kept.get(place)
        if known is None or request.no > known.no:
            kept[place] = request
    return list(kept.values())


class Desk:
    """One thread's work."""

    def __init__(
        self,
        mail: Mail,
        store: SettlementStore,
        journal: Journal,
        office: Office,
        clock: Clock,
        settle: Callable[[Chunk], None],
        needs: Callable[[], Needs] = dict,
    ) -> None:
        self._mail, self._store, self._journal = mail, store, journal
        self._office = office
        self._clock = clock
        self._settle = settle
        self._needs = needs
        self._holders = Holders(office.times.lease_term_ms)
        self._regions = (0, 1)

    def step(self) -> None:
        """Takes what mail there is and answers it."""
        self.handle(self._mail.take(TAKE_TIMEOUT_S))

    def handle(self, messages: Sequence[ToTreasury]) -> None:
        for message in messages:
            if isinstance(message, Ship):
                self._settle(message.chunk)
        requests = newest(message for message in messages if isinstance(message, LeaseRequest))
        if requests:
            self._mail.send(self._grant(requests))
        for message in messages:
            if isinstance(message, Register):
                self._register(message)

    def _register(self, message: Register) -> None:
        registration = register(self._store, self._journal, message, self._office.region)
        if registration.is_new:
            log.info("banker registered", pod=message.pod, incarnation=message.incarnation.hex())
        self._mail.send([(message.incarnation, registration.cursor)])

    def _grant(self, requests: list[LeaseRequest]) -> list[Answer]:
        now_ms = self._clock.wall_ms()
        for request in requests:
            self._holders.ask(request.campaign, request.incarnation, now_ms)
        holders = self._holders.counts({request.campaign for request in requests}, now_ms)
        share = 1.0 / self._region_count(now_ms)
        try:
            return grant_leases(
                self._store, self._office, requests, holders, share, now_ms, self._needs()
            )
        except (OperationalError, InterfaceError, InternalError):
            raise  # Postgres is away, or has ended this connection: nobody decided anything
        except DatabaseError as error:
            return self._one_by_one(requests, error)

    def _one_by_one(self, requests: list[LeaseRequest], error: DatabaseError) -> list[Answer]:
        """A decision that the database refuses must not keep the other requests of its batch from being answered."""
        if len(requests) > 1:
            return [answer for request in requests for answer in self._grant([request])]
        self._store.alarm("grant_refused", f"campaign {requests[0].campaign}", str(error))
        return []

    def _region_count(self, now_ms: int) -> int:
        read_ms, count = self._regions
        if not 0 <= now_ms - read_ms < REGIONS_KEPT_MS:
            count = regions_open(self._store)
            self._regions = (now_ms, count)
        return count
