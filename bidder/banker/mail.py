"""What a message of the treasury does to the book, the demand and the stream. Plain decisions; mail may be lost,
repeated, stale (R4), and nothing here believes it further than that."""

from __future__ import annotations

import logging

from bidder.banker.book import LeaseBook, Verdict
from bidder.banker.dead_streams import DeadStreams
from bidder.banker.demand import Demand
from bidder.banker.group import Group
from bidder.banker.shipping import Shipping
from rtbplatform.kernel.wire import Cursor, Grant, Inquire, Mark, Recall, Refuse, ToBanker

log = logging.getLogger(__name__)


class Mail:
    """The live incarnation's mail."""

    def __init__(
        self,
        incarnation: bytes,
        group: Group,
        book: LeaseBook,
        demand: Demand,
        shipping: Shipping,
        dead: DeadStreams,
    ) -> None:
        self._incarnation = incarnation
        self._group = group
        self._book = book
        self._demand = demand
        self._shipping = shipping
        self._dead = dead
        self.is_fenced = False
        """The treasury has ended this incarnation: this process must not go on with it."""
        self.verdicts = dict.fromkeys(Verdict, 0)
        self.refusals: dict[str, int] = {}

    def receive(self, message: ToBanker, boot_ms: int, wall_ms: int) -> None:
        """One message. What it changes becomes durable with the next group commit."""
        if isinstance(message, Grant):
            self._grant(message, boot_ms, wall_ms)
        elif isinstance(message, Refuse):
            self._refuse(message, boot_ms)
        elif isinstance(message, Recall):
            self._group.lease_changes(self._book.recall(message.leases), wall_ms)
        elif isinstance(message, Inquire):
            self._group.lease_changes(self._book.inquire(message.leases), wall_ms)
        elif isinstance(message, Mark):
            self._mark(message, wall_ms)
        elif message.incarnation == self._incarnation:
            self._cursor(message, boot_ms)

    def _grant(self, message: Grant, boot_ms: int, wall_ms: int) -> None:
        lease = message.lease
        first_sent_ms = self._demand.first_sent_ms(lease.request_no)
        verdict, changes = self._book.accept(lease, first_sent_ms, boot_ms)
        self.verdicts[verdict] += 1
        if verdict is Verdict.ACCEPTED:
            self._demand.answered(lease.campaign, lease.request_no)
        elif verdict is Verdict.TOMBSTONED:
            self._demand.came_too_late(lease.campaign, lease.request_no, boot_ms)
        self._group.lease_changes(changes, wall_ms)

    def _refuse(self, message: Refuse, boot_ms: int) -> None:
        if not self._demand.refused(
            message.campaign, message.request_no, message.retry_ms, boot_ms
        ):
            return
        self.refusals[message.reason] = self.refusals.get(message.reason, 0) + 1
        if message.reason == "unregistered":
            self._shipping.unknown()
            self._known("unknown")
        elif message.reason == "fenced":
            self.is_fenced = True

    def _mark(self, message: Mark, wall_ms: int) -> None:
        if self._group.mark(message.no, message.epoch, wall_ms):
            log.warning("census %d: leases of before are refused", message.epoch)
            self._shipping.register_again()
            self._dead.rouse()
        elif message.epoch < self._book.epoch:
            # Old mail - or a treasury that has lost the census that we know: it is told, and opens a higher one.
            self._shipping.register_again()

    def _cursor(self, message: Cursor, boot_ms: int) -> None:
        if message.settled_seq > self._group.durable_seq:
            # It would let rows go that nobody has. Old or forged mail cannot say so: a person must look.
            log.error("the treasury claims to have settled more than this stream has: ignored")
            return
        if message.state == "closed" and not self._group.is_fenced:
            # A stream ends by its own fence, or in quarantine: this is an old copy's word about something else.
            log.error("the treasury says that this stream has ended, and it has not: ignored")
            return
        if message.state == "stopped" and self._shipping.state != "stopped":
            log.error("ALARM: the treasury has stopped this stream: a person must look")
        self._shipping.cursor(message.settled_seq, message.state, boot_ms)
        self._known(message.state)
        self.is_fenced |= message.state == "quarantined"

    def _known(self, state: str) -> None:
        self._demand.enabled = state == "open"
        self._group.takes_claims = state in {"open", "stopped"}
