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
from bidder.reserve.promises import Promises
from bidder.reserve.wanted import Wanted
from rtbplatform.kernel import ipc
from rtbplatform.kernel.stream import Claim, SubjectKey

BACKOFF_MIN_S, BACKOFF_MAX_S = 0.01, 0.5
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
        self._promises = Promises()
        self.fundable: dict[int, int] = self._promises.mirror.fundable
        """Campaign -> micros, less what is under way; read it, do not write it. The same dict for ever."""
        self.welcome: ipc.Welcome | None = None
        self.backlog = Backlog()
        self._out: list[bytes] = []
        self._flushing = False
        self._paused = False
        self._submits: dict[bytes, asyncio.Future[Answer]] = {}
        self._notices: dict[bytes, asyncio.Future[bool]] = {}
        self._queries: dict[int, asyncio.Future[str | None]] = {}
        self._last_query = 0
        self._wanted = Wanted(lambda message: self._write(ipc.frame(message)))

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
        hold_ms: int = 0,
    ) -> asyncio.Future[Answer]:
        """All debits of one answer and its event. `debit_id`: a UUIDv7 made for this attempt and no other. `hold_ms`:
        see `holds`."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if not self._is_writable:
            self.backlog.keep_keys(keys)
            future.set_result(LOST)
            return future
        together = self.backlog.with_keys(keys)
        message = ipc.Submit(
            debit_id, request_hash, exchange, at_ms, wants, event, together, hold_ms
        )
        self._submits[debit_id] = future
        self._promises.submitted(debit_id, wants)
        self._write(ipc.frame(message))
        return future

    def give_up(self, debit_id: bytes) -> None:
        """The exchange has its "no bid": should the debit commit, it is voided at once."""
        self._promises.given_up(debit_id)

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
        self._promises.sent(debit_id)
        self._flush_soon()

    def report_void(self, debit_id: bytes) -> None:
        """R8: given up before a byte was written."""
        self._promises.void(debit_id)
        self._flush_soon()

    def report_unknown(self, debit_id: bytes) -> None:
        """R8: the connection ended with bytes of the answer on the way: it stays spent."""
        self._promises.unknown(debit_id)
        self._flush_soon()

    def want(self, advertiser: int, campaign: int, min_amount_micros: int) -> None:
        """A campaign matched and has nothing to spend here; told at most every 100 ms."""
        if self.welcome is not None:
            self._wanted.add(advertiser, campaign, min_amount_micros)

    def notice(
        self,
        notice_id: bytes,
        request_hash: int,
        exchange: int,
        at_ms: int,
        debit_id: bytes,
        event: bytes,
        claim: Claim | None = None,
    ) -> asyncio.Future[bool]:
        """True when durable: only then may the exchange get its 200."""
        future: asyncio.Future[bool] = self._loop.create_future()
        if not self._is_writable:
            future.set_result(False)
            return future
        self._notices[notice_id] = future
        message = ipc.Notice(notice_id, request_hash, exchange, at_ms, debit_id, event, claim)
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
        self._wanted.clear()
        self._out.clear()
        submits, self._submits = self._submits, {}
        notices, self._notices = self._notices, {}
        queries, self._queries = self._queries, {}
        resolve_all((submits[debit_id] for debit_id in self._promises.lost()), LOST)
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
                self._answer(committed)
            for notice_id in message.notices:
                self._noticed(notice_id, recorded=True)
        elif isinstance(message, ipc.Mirror):
            self._promises.mirror.apply(message)
        elif isinstance(message, ipc.Refused):
            self._answer(message)
        elif isinstance(message, ipc.Welcome):
            self.welcome = message
            self._promises.welcomed()
            self._flush_soon()
        elif isinstance(message, ipc.Declined):
            self._noticed(message.notice_id, recorded=False)
        else:
            query = self._queries.pop(message.query_id, None)
            if query is not None:
                resolve(query, message.text)

    def _answer(self, answer: ipc.Committed | ipc.Refused) -> None:
        if self._promises.answered(answer):
            resolve(self._submits.pop(answer.debit_id), answer)
            self._flush_soon()

    def _noticed(self, notice_id: bytes, *, recorded: bool) -> None:
        notice = self._notices.pop(notice_id, None)
        if notice is not None:
            resolve(notice, recorded)

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
        told = self._promises.take_outcomes()
        if told is not None:
            out.append(ipc.frame(told))
        if not self._paused:
            out += self.backlog.take()
        if out:
            self._transport.write(b"".join(out))

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
