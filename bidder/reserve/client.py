"""Stage 7, reserve: a worker's connection to its machine's banker.

In: `submit`, `record`, `notice`, `want`, and what became of answers.
Out: `Committed` or `Refused` for a submit; True for a durable notice; `fundable`.
On failure: everything waiting resolves to `Lost` (False for notices) at once: answer 204, never send a debit again (R8).
Time: one write per loop turn; nothing here waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from bidder.reserve.answers import LOST, Answer, Lost, resolve, resolve_all
from bidder.reserve.backlog import Backlog
from bidder.reserve.mirror import FundableMirror
from rtbplatform.kernel import ipc
from rtbplatform.kernel.stream import SubjectKey

BACKOFF_MIN_S, BACKOFF_MAX_S = 0.01, 0.5
WANT_EVERY_S = 0.1
WRITE_HIGH_BYTES = 8 * 1024 * 1024
log = logging.getLogger(__name__)


__all__ = ["BankerClient", "Lost"]


class BankerClient(asyncio.Protocol):
    """Connects and reconnects for ever. All methods are called from the loop's thread."""

    def __init__(self, path: str, worker: int, on_lost: Callable[[], None]) -> None:
        """`on_lost`: messages may not have arrived; keys of subjects that they carried must be forgotten."""
        self._path = path
        self._hello = ipc.Hello(worker, os.getpid())
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._reader = ipc.FrameReader()
        self._mirror = FundableMirror()
        self.fundable: dict[int, int] = self._mirror.fundable
        """Campaign -> micros, less what is under way; read it, do not write it. The same dict for ever."""
        self.welcome: ipc.Welcome | None = None
        self.backlog = Backlog()
        self._out: list[bytes] = []
        self._flushing = False
        self._paused = False
        self._submits: dict[bytes, tuple[asyncio.Future[Answer], list[ipc.Want]]] = {}
        self._notices: dict[bytes, asyncio.Future[bool]] = {}
        self._queries: dict[int, asyncio.Future[str | None]] = {}
        self._last_query = 0
        self._outcomes = ipc.Outcomes([], [], [])
        self._wanted: dict[int, tuple[int, int, int]] = {}
        self._want_timer: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """Whether the banker has welcomed us: before that nothing can be committed."""
        return self.welcome is not None

    async def start(self) -> None:
        """Begins to connect; returns at once."""
        self._task = asyncio.create_task(self._connect_for_ever(), name="banker client")

    async def stop(self) -> None:
        """Writes what is waiting, and closes."""
        self._flush()
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.close()
            await self._ended.wait()

    def submit(
        self,
        debit_id: bytes,
        request_hash: int,
        exchange: int,
        at_ms: int,
        wants: list[ipc.Want],
        event: bytes,
        keys: Sequence[SubjectKey],
    ) -> asyncio.Future[Answer]:
        """All debits of one answer and its event. `debit_id`: a UUIDv7 made for this attempt and no other."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if not self._is_writable:
            self.backlog.keep_keys(keys)
            future.set_result(LOST)
            return future
        together = self.backlog.with_keys(keys)
        message = ipc.Submit(debit_id, request_hash, exchange, at_ms, wants, event, together)
        self._submits[debit_id] = (future, wants)
        self._mirror.leaves(wants)
        self._write(ipc.frame(message))
        return future

    def record(
        self,
        request_hash: int,
        exchange: int,
        at_ms: int,
        event: bytes,
        keys: Sequence[SubjectKey],
    ) -> None:
        """An event without money; nobody waits for it."""
        message = ipc.Record(request_hash, exchange, at_ms, event, list(keys))
        if self._is_writable:
            message.keys = self.backlog.with_keys(keys)
            self._write(ipc.frame(message))
        else:
            self.backlog.add(message)

    def report_sent(self, debit_id: bytes) -> None:
        """R8: all bytes of the answer were accepted by a live socket."""
        self._report(self._outcomes.sent, debit_id)

    def report_void(self, debit_id: bytes) -> None:
        """R8: given up before a byte was written."""
        self._report(self._outcomes.void, debit_id)

    def report_unknown(self, debit_id: bytes) -> None:
        """R8: the connection ended with bytes of the answer on the way: it stays spent."""
        self._report(self._outcomes.unknown, debit_id)

    def _report(self, outcomes: list[bytes], debit_id: bytes) -> None:
        if self.welcome is not None:
            outcomes.append(debit_id)
            self._flush_soon()

    def want(self, advertiser: int, campaign: int, min_amount_micros: int) -> None:
        """A campaign matched and has nothing to spend here; told at most every 100 ms."""
        if self.welcome is None:
            return
        self._wanted[campaign] = (advertiser, campaign, min_amount_micros)
        if self._want_timer is None:
            self._tell_wanted()
            self._want_timer = self._loop.call_later(WANT_EVERY_S, self._wanted_again)

    def notice(
        self,
        notice_id: bytes,
        request_hash: int,
        exchange: int,
        at_ms: int,
        debit_id: bytes,
        event: bytes,
    ) -> asyncio.Future[bool]:
        """True when durable: only then may the exchange get its 200."""
        future: asyncio.Future[bool] = self._loop.create_future()
        if not self._is_writable:
            future.set_result(False)
            return future
        self._notices[notice_id] = future
        message = ipc.Notice(notice_id, request_hash, exchange, at_ms, debit_id, event)
        self._write(ipc.frame(message))
        return future

    def metrics(self, message: ipc.Metrics) -> None:
        """This worker's numbers, each second."""
        if self._is_writable:
            self._write(ipc.frame(message))

    async def metrics_text(self) -> str | None:
        """All numbers of this machine in Prometheus's text format; None without a banker."""
        if self.welcome is None:
            return None
        self._last_query += 1
        future: asyncio.Future[str | None] = self._loop.create_future()
        self._queries[self._last_query] = future
        self._write(ipc.frame(ipc.MetricsQuery(self._last_query)))
        return await future

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._reader = ipc.FrameReader()
        self._paused = False
        self._ended.clear()
        self._transport.write(ipc.frame(self._hello))

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._reader.feed(data):
                self._handle(ipc.decode_to_worker(body))
        except (ValueError, msgspec.MsgspecError) as error:
            log.error("the banker sent nonsense: %s", error)  # noqa: TRY400 - not ours
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - lost is lost
        was_welcome, self.welcome, self._transport = self.welcome is not None, None, None
        self._mirror.clear()
        self._wanted.clear()
        self._outcomes = ipc.Outcomes([], [], [])
        self._out.clear()
        submits, self._submits = self._submits, {}
        notices, self._notices = self._notices, {}
        queries, self._queries = self._queries, {}
        resolve_all((future for future, _ in submits.values()), LOST)
        resolve_all(notices.values(), False)
        resolve_all(queries.values(), None)
        self._ended.set()
        if was_welcome:
            self._on_lost()

    def pause_writing(self) -> None:
        """The banker does not keep up: nothing more is submitted until it does."""
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._flush_soon()

    @property
    def _is_writable(self) -> bool:
        return self.welcome is not None and not self._paused

    def _handle(self, message: ipc.ToWorker) -> None:
        if isinstance(message, ipc.Acks):
            for committed in message.debits:
                self._answer(committed.debit_id, committed)
            for notice_id in message.notices:
                notice = self._notices.pop(notice_id, None)
                if notice is not None:
                    resolve(notice, True)
        elif isinstance(message, ipc.Mirror):
            self._mirror.apply(message)
        elif isinstance(message, ipc.Refused):
            self._answer(message.debit_id, message)
        elif isinstance(message, ipc.Welcome):
            self.welcome = message
            self._flush_soon()
        elif isinstance(message, ipc.Declined):
            declined = self._notices.pop(message.notice_id, None)
            if declined is not None:
                resolve(declined, False)
        else:
            query = self._queries.pop(message.query_id, None)
            if query is not None:
                resolve(query, message.text)

    def _answer(self, debit_id: bytes, answer: ipc.Committed | ipc.Refused) -> None:
        waiting = self._submits.pop(debit_id, None)
        if waiting is not None:
            future, wants = waiting
            self._mirror.returns(wants)
            resolve(future, answer)

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """One write per loop turn: outcomes after the submits they are about."""
        self._flushing = False
        if self._transport is None or self._transport.is_closing() or self.welcome is None:
            return
        out, self._out = self._out, []
        told = self._outcomes
        if told.sent or told.void or told.unknown:
            out.append(ipc.frame(told))
            self._outcomes = ipc.Outcomes([], [], [])
        if not self._paused:
            out += self.backlog.take()
        if out:
            self._transport.write(b"".join(out))

    def _wanted_again(self) -> None:
        self._want_timer = None
        if self._wanted:
            self._tell_wanted()
            self._want_timer = self._loop.call_later(WANT_EVERY_S, self._wanted_again)

    def _tell_wanted(self) -> None:
        self._write(ipc.frame(ipc.Wanted(list(self._wanted.values()))))
        self._wanted.clear()

    async def _connect_for_ever(self) -> None:
        backoff_s = BACKOFF_MIN_S
        while True:
            try:
                await self._loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
                continue
            await self._ended.wait()
            backoff_s = BACKOFF_MIN_S
            await asyncio.sleep(BACKOFF_MIN_S)
