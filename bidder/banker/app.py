"""The banker process: a new incarnation is put together, serves until it is told to stop, and ends its stream."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import gc
import logging
import os
import signal
import uuid
from pathlib import Path
from random import SystemRandom
from typing import IO

from redis.exceptions import RedisError

from bidder.banker.book import LeaseBook
from bidder.banker.dead_streams import DeadStreams
from bidder.banker.demand import Demand
from bidder.banker.exposition import MachineCollector, render
from bidder.banker.graveyard import Graveyard
from bidder.banker.group import Group
from bidder.banker.health import Health
from bidder.banker.mail import Mail
from bidder.banker.numbers import Numbers
from bidder.banker.outbox import OutboxError, check_sqlite_version
from bidder.banker.own_numbers import OwnNumbers
from bidder.banker.relay import Relay, Stream
from bidder.banker.server import Desk, WorkerConnection
from bidder.banker.shelf import Shelf
from bidder.banker.shipping import Shipping
from bidder.banker.teller import Teller
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel import ipc, wire
from rtbplatform.kernel.clock import SystemClock
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.kernel.settings import Banker

EXIT_BROKEN = 70
"""The process could not go on safely; what was committed is recovered by the next start."""
EXIT_FENCED = 1
SHIP_OUT_S = 5.0
SOCKET_LOCK_S = 20.0
PRUNE_ROWS = 200
log = logging.getLogger(__name__)


def fatal(error: BaseException) -> None:
    """Ends the process without another write: nothing after such an error can be trusted."""
    log.critical("the banker cannot go on: %s", error, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_BROKEN)


class BankerApp:
    """One incarnation."""

    def __init__(self, settings: Banker) -> None:
        check_sqlite_version()
        self._settings = settings
        self._clock = clock = SystemClock()
        self._times = times = ProtocolTimes().divided(settings.protocol_time_divisor)
        self._retention_ms = settings.outbox_retention_hours * 3_600_000
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.incarnation = uuid.uuid4().bytes
        self._shelf = Shelf(Path(settings.outbox_dir), settings.machine_id)
        self._shelf.prepare()
        self._shelf.remove_half_made()
        self._shelved = self._shelf.create(
            self.incarnation, settings.region, settings.pod, clock.wall_ms()
        )
        self._numbers = Numbers()
        self._workers = WorkerMetrics()
        self._book = LeaseBook(self.incarnation, derive(settings.rtb_secret, wire.LEASE_PURPOSE))
        self._demand = Demand(self.incarnation, times, SystemRandom())
        self._group = Group(self.incarnation, self._book, self._demand)
        self._shipping = self._new_shipping(0)
        self._dead = DeadStreams(self.incarnation, self._new_shipping, self._retention_ms)
        self._mail = Mail(
            *(self.incarnation, self._group, self._book, self._demand, self._shipping, self._dead)
        )
        self._relay = Relay(
            settings.redis_url,
            settings.region,
            derive(settings.rtb_secret, wire.MAIL_PURPOSE),
            clock,
            times.request_retry_ms,
            _watch,
        )
        self._teller = self._new_teller()
        self._graveyard = self._new_graveyard()
        self._own = self._own_numbers()
        self._connections: set[WorkerConnection] = set()

    async def run(self) -> int:
        """Serves until SIGTERM or SIGINT: the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_unexpected)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        socket_lock = await _lock_socket(self._settings.banker_socket)
        server = await loop.create_unix_server(
            functools.partial(WorkerConnection, self._desk()), self._settings.banker_socket
        )
        self._relay.add(
            Stream(
                *(self._shelved.identity, self._shelved.outbox, self._shipping, self._receive),
                lambda: (self._shelf.found(), self._shelf.copies()),
                lambda: self._book.epoch,
            )
        )
        self._relay.start()
        for coroutine in (self._pulse(), self._keep_house(), self._graveyard.watch()):
            task = asyncio.create_task(coroutine)
            task.add_done_callback(_watch)
            self._tasks.append(task)
        gc.collect()
        gc.freeze()
        log.info("incarnation %s of %s serves", uuid_text(self.incarnation), self._settings.pod)
        await self._stop.wait()
        self._stopping = True
        server.close()
        await self._end()
        Path(self._settings.banker_socket).unlink(missing_ok=True)
        socket_lock.close()
        return EXIT_FENCED if self._mail.is_fenced else 0

    async def _end(self) -> None:
        """Workers first, then the fence, then what can be shipped in time: its money returns at once."""
        fenced_by_treasury = self._mail.is_fenced
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        while self._connections:  # noqa: ASYNC110 - a turn or two of the loop
            await asyncio.sleep(0)
        self._teller.fence("stopped")
        deadline_s = asyncio.get_running_loop().time() + SHIP_OUT_S
        while self._shipping.state != "closed" and not fenced_by_treasury:
            if not (self._shipping.registered and self._relay.is_up):
                log.warning("stopped without a treasury: the next start ships the stream")
                break
            if asyncio.get_running_loop().time() > deadline_s:
                log.warning("stopped before everything was settled: the next start ships the rest")
                break
            await asyncio.sleep(0.02)
        settled_seq = self._shipping.settled_seq
        is_closed = settled_seq == self._group.durable_seq and self._shipping.state == "closed"
        self._shelved.outbox.write_cursor(settled_seq, self._clock.wall_ms() if is_closed else None)
        await self._relay.stop()
        self._shelved.release()
        self._mail.is_fenced = fenced_by_treasury

    def _receive(self, message: wire.ToBanker) -> None:
        self._mail.receive(message, self._clock.boot_ms(), self._clock.wall_ms())
        if self._stopping:
            return
        self._teller.changed()
        if self._dead.is_roused:
            self._graveyard.look_now()
        if self._mail.is_fenced and not self._stop.is_set():
            log.error("the treasury has ended this incarnation: stopping")
            self._stop.set()

    async def _pulse(self) -> None:
        pause_s = max(10, 100 // self._settings.protocol_time_divisor) / 1000
        while True:
            self._teller.pulse()
            await asyncio.sleep(pause_s)

    async def _keep_house(self) -> None:
        """Each second: health for the console, the cursor to disk, a few old rows away, memory bounded."""
        health = Health(self._settings.region, self._settings.pod, self._workers)
        key = wire.health_key(self._settings.region, self._settings.pod)
        written_seq = 0
        while not self._stopping:  # not only by cancellation: redis-py can turn one into a timeout
            now_ms, wall_ms = self._clock.boot_ms(), self._clock.wall_ms()
            told = health.look(self._own.totals(), self._own.relay_lag(), now_ms, wall_ms)
            if self._shipping.settled_seq != written_seq:
                written_seq = self._shipping.settled_seq
                self._shelved.outbox.write_cursor(written_seq, None)
            self._shelved.outbox.prune(wall_ms - self._retention_ms, PRUNE_ROWS)
            self._book.forget(now_ms)
            try:
                await self._relay.put_health(key, told)
            except (RedisError, OSError) as error:
                log.debug("health not written: %s", error)
            await asyncio.sleep(1)

    def _desk(self) -> Desk:
        collector = MachineCollector(
            self._workers,
            self._own,
            {
                "rtb_banker_commit_ms": self._numbers.commit,
                "rtb_banker_fsync_ms": self._numbers.fsync,
            },
            self._settings.pod,
        )
        return Desk(
            self._teller,
            self._workers,
            ipc.Welcome(self.incarnation, self._settings.pod, self._settings.region),
            functools.partial(render, collector),
            fatal,
            self._connections,
        )

    def _new_teller(self) -> Teller:
        return Teller(
            group=self._group,
            book=self._book,
            demand=self._demand,
            outbox=self._shelved.outbox,
            clock=self._clock,
            wait_ms=self._settings.commit_wait_ms,
            numbers=self._numbers,
            post=self._relay.post,
            committed=self._relay.wake,
        )

    def _new_graveyard(self) -> Graveyard:
        return Graveyard(
            shelf=self._shelf,
            relay=self._relay,
            clock=self._clock,
            dead=self._dead,
            copies_changed=self._shipping.register_again,
        )

    def _own_numbers(self) -> OwnNumbers:
        return OwnNumbers(
            numbers=self._numbers,
            book=self._book,
            demand=self._demand,
            group=self._group,
            mail=self._mail,
            relay=self._relay,
            shelf=self._shelf,
            graveyard=self._graveyard,
            workers=self._workers,
            clock=self._clock,
        )

    def _new_shipping(self, settled_seq: int) -> Shipping:
        return Shipping(settled_seq, self._settings.ship_window_bytes, self._times.relay_retry_ms)


async def _lock_socket(path: str) -> IO[bytes]:
    """One banker per socket: waits for one that is still stopping. Raises OutboxError when it does not end."""
    file = _open(f"{path}.lock")
    deadline_s = asyncio.get_running_loop().time() + SOCKET_LOCK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() > deadline_s:
                file.close()
                raise OutboxError(
                    f"another banker serves {path}: stop it, or set BANKER_SOCKET to another path."
                ) from None
            await asyncio.sleep(0.05)
        else:
            return file


def _open(path: str) -> IO[bytes]:
    return Path(path).open("ab")


def _watch(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        fatal(task.exception() or RuntimeError("a task ended"))


def _unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What no code of ours caught. A connection's end is nobody's fault; anything else is a broken banker."""
    error = context.get("exception")
    if isinstance(error, ConnectionError) or error is None:
        loop.default_exception_handler(context)
    elif isinstance(error, BaseException):
        fatal(error)
