"""A bidder worker: submits what auctions decided, answers the exchange after the acknowledgement, reports, takes notices.

What it may say and do about its debits is production's `Promises` (R8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bidder.notices.claims import claim_of
from bidder.reserve.promises import Promises
from rtbplatform.kernel import ipc
from rtbplatform.kernel.notice import NoticeError, NoticeToken, read_token
from tests.simulation.world import Actor

if TYPE_CHECKING:
    from tests.simulation.banker import Banker
    from tests.simulation.exchange import Exchange
    from tests.simulation.machine import Machine

SOCKET_MS = 1
DEADLINE_MS = 80


class Passage(Struct):
    """A request of an exchange on its way through this worker."""

    exchange: Exchange
    wants: list[ipc.Want]
    due_ms: int
    """When the exchange stops listening (this machine's boot time)."""
    hold_ms: int


class Worker(Actor):
    """One process. Its socket to the banker is ordered, and ends with either of them."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.world, f"worker {machine.name}", machine.region)
        self.machine = machine
        self._connections = 0
        self.banker: Banker | None = None
        self.starts()

    def starts(self) -> None:
        self.is_alive = True
        self.promises = Promises()
        self.passages: dict[bytes, Passage] = {}
        self.notices: dict[bytes, tuple[Exchange, Any]] = {}
        self.banker = None
        self._written: list[Any] = []
        self._written_ms = 0

    # the socket
    def connects(self) -> None:
        """To the banker that serves now, unless there is a connection."""
        banker = self.machine.banker
        if self.banker is None and banker.is_alive:
            self._connections += 1
            self.connection = self._connections
            self.banker = banker
            self._written = []
            banker.after(SOCKET_MS, banker.hello, self.connection, _Side(self, self.connection))

    def banker_lost(self, banker: Banker) -> None:
        if self.banker is banker:
            self.banker = None
            if self.is_alive:
                self.after(SOCKET_MS, self._lost)

    def _lost(self) -> None:
        """Everything under way is lost: 204, and never again (R8)."""
        for debit_id in self.promises.lost():
            self.passages.pop(debit_id, None)
        notices, self.notices = self.notices, {}
        for exchange, notice in notices.values():
            exchange.refused(notice)
        self.connects()

    def die(self) -> None:
        super().die()
        banker, self.banker = self.banker, None
        if banker is not None and banker.is_alive:
            banker.after(SOCKET_MS, banker.gone, self.connection)
        for exchange, notice in self.notices.values():
            exchange.refused(notice)
        self.machine.worker_died()

    def _tell(self, message: Any) -> None:
        banker = self.banker
        if banker is not None:
            self.point()
            if not self._written:
                self._written = [message]
                banker.after(SOCKET_MS, banker.hear, self.connection, self._written)
                self._written_ms = self.world.now
            elif self._written_ms == self.world.now:
                self._written.append(message)
            else:
                self._written = []
                self._tell(message)
            self.point()

    # requests
    def request(self, exchange: Exchange, wants: list[ipc.Want], hold_ms: int) -> None:
        """A request whose auction these would win."""
        promises = self.promises
        if not promises.connected or self.banker is None:
            return
        fundable = promises.mirror.fundable
        poor = [one for one in wants if fundable.get(one.campaign, 0) < one.amount_micros]
        if poor:
            wanted = [(one.advertiser, one.campaign, one.amount_micros) for one in poor]
            self._tell(ipc.Wanted(wanted))
            wants = [one for one in wants if one not in poor]
        if not wants:
            return
        debit_id = self.world.bytes(16)
        boot_ms = self.machine.clock.boot_ms()
        self.passages[debit_id] = Passage(exchange, wants, boot_ms + DEADLINE_MS, hold_ms)
        promises.submitted(debit_id, wants)
        at_ms = self.machine.clock.wall_ms()
        self._tell(ipc.Submit(debit_id, 0, exchange.id, at_ms, wants, b"", [], hold_ms))
        self.busy()

    def hear(self, message: Any) -> None:
        """The banker's message."""
        if isinstance(message, ipc.Acks):
            for committed in message.debits:
                self._committed(committed)
            for notice_id in message.notices:
                noticed = self.notices.pop(notice_id, None)
                if noticed is not None:
                    noticed[0].recorded(noticed[1])
            if self.world.chance(0.3):
                self.report()  # else with the next request: one write per turn
        elif isinstance(message, ipc.Mirror):
            self.promises.mirror.apply(message)
        elif isinstance(message, ipc.Refused):
            if self.promises.answered(message):
                self.passages.pop(message.debit_id, None)
        elif isinstance(message, ipc.Welcome):
            self.promises.welcomed()
        elif isinstance(message, ipc.Declined):
            noticed = self.notices.pop(message.notice_id, None)
            if noticed is not None:
                noticed[0].refused(noticed[1])

    def _committed(self, committed: ipc.Committed) -> None:
        """The debit is durable: the answer goes out, and what became of it is reported."""
        debit_id = committed.debit_id
        passage = self.passages.pop(debit_id, None)
        is_late = passage is not None and self.machine.clock.boot_ms() > passage.due_ms
        if is_late:
            self.promises.given_up(debit_id)  # the exchange got its "no bid" when it was due
            self.machine.truth.given_up[debit_id] = (self, self.life, self.banker)
        if not self.promises.answered(committed) or passage is None or is_late:
            return
        if self.world.chance(0.03):
            self.promises.void(debit_id)
            return
        self.point()
        self.world.coverage.ran("answer", self.region, self.world.now)
        whole = passage.exchange.hears(self.machine, committed, passage.hold_ms)
        self.point()
        if whole:
            self.promises.sent(debit_id)
        else:
            self.promises.unknown(debit_id)

    def report(self) -> None:
        told = self.promises.take_outcomes()
        if told is not None:
            self._tell(told)

    # notices
    def notice(self, exchange: Exchange, notice: Any) -> None:
        """A notice's URL is called: the exchange gets a 200 once it is durable."""
        try:
            token: NoticeToken = read_token(self.machine.settings.notice_key, notice.token)
        except NoticeError:
            exchange.forged(notice)
            return
        if not self.promises.connected or self.banker is None:
            exchange.refused(notice)
            return
        notice_id = self.world.bytes(16)
        self.notices[notice_id] = (exchange, notice)
        claim = claim_of(notice.kind, token, notice.price)
        self._tell(
            ipc.Notice(
                *(notice_id, 0, token.exchange, self.machine.clock.wall_ms(), token.debit_id),
                b"",
                claim,
            )
        )


class _Side:
    """The banker's end of a worker's socket: what is written to it arrives, if that worker still lives then."""

    def __init__(self, worker: Worker, connection: int) -> None:
        self._worker, self._connection = worker, connection
        self._written: list[Any] = []

    def hear(self, message: Any) -> None:
        worker = self._worker
        if worker.is_alive and worker.connection == self._connection:
            if not self._written:
                worker.after(SOCKET_MS, self._arrives)
            self._written.append(message)

    def _arrives(self) -> None:
        """What was written in one turn is read in one."""
        written, self._written = self._written, []
        if self._worker.connection == self._connection:
            for message in written:
                self._worker.hear(message)
