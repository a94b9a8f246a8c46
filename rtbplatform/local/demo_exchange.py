"""The demo's exchange: sends TRAFFIC requests a second whatever comes back, checks the answers, fires their notices.

Open loop: each request has its intended time; a slow platform does not slow the exchange down. What it saw goes to its
log every 5 s, as a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import random
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import aiohttp
import msgspec
import uvloop
from msgspec import Struct

from rtbplatform.kernel.keys import answer_signing_key, sign_answer
from rtbplatform.local.traffic import GeneratedRequest, Traffic

REPORT_EVERY_S = 5.0
TIMEOUT_S = 1.0
IN_FLIGHT_MAX = 4000
WIN_SHARE = 0.95
IMPRESSION_SHARE = 0.9
LOSS_OUTBID = "102"
HTTP_OK, HTTP_NO_CONTENT = 200, 204


class Exchange(Struct, frozen=True):
    slug: str
    key: str
    signing_key: str = ""


class Demo(Struct, frozen=True):
    exchange: Exchange


class AnswerBid(Struct):
    id: str
    impid: str
    price: Decimal
    nurl: str = ""
    burl: str = ""
    lurl: str = ""


class AnswerSeat(Struct):
    bid: list[AnswerBid]
    seat: str = ""


class Answer(Struct):
    id: str
    seatbid: list[AnswerSeat] = []
    cur: str = "USD"


class Seen(Struct):
    """What it counted since its start."""

    sent: int = 0
    answered: int = 0
    no_bids: int = 0
    refused: dict[int, int] = {}
    errors: int = 0
    timeouts: int = 0
    skipped: int = 0
    bids: int = 0
    unsigned: int = 0
    badly_signed: int = 0
    unreadable: int = 0
    notices: dict[str, int] = {}
    notice_failures: int = 0
    price_cpm_sum: Decimal = Decimal(0)
    late_ms_max: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class DemoExchange:
    """One exchange against one or more bidder URLs."""

    def __init__(
        self, exchange: Exchange, urls: list[str], secret: str, session: aiohttp.ClientSession
    ) -> None:
        self.seen = Seen(refused={}, notices={})
        self._urls = [f"{url}/openrtb2/{exchange.slug}" for url in urls]
        self._headers = {
            "X-Exchange-Key": exchange.key,
            "Content-Type": "application/json",
            "x-openrtb-version": "2.6",
        }
        self._slug = exchange.slug
        self._signing_key = answer_signing_key(secret, exchange.slug, 1) if secret else b""
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()
        self._latencies_ms: list[float] = []
        self._rng = random.Random()

    async def run(self, rate: int, traffic: Traffic, stopped: asyncio.Event) -> None:
        """Sends `rate` requests a second until stopped, then waits for those under way."""
        started_s = time.perf_counter()
        number = 0
        while not stopped.is_set():
            due_s = started_s + number / rate
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self.seen.late_ms_max = max(self.seen.late_ms_max, -wait_s * 1000)
            self._launch(number, due_s, traffic)
            number += 1
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * TIMEOUT_S)

    def _launch(self, number: int, due_s: float, traffic: Traffic) -> None:
        if len(self._tasks) >= IN_FLIGHT_MAX:
            self.seen.skipped += 1
            return
        url = self._urls[number % len(self._urls)]
        task = asyncio.create_task(self._ask(url, traffic.make(number), due_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, url: str, request: GeneratedRequest, due_s: float) -> None:
        self.seen.sent += 1
        try:
            async with self._session.post(url, data=request.body, headers=self._headers) as reply:
                body = await reply.read()
        except TimeoutError:
            self.seen.timeouts += 1
            return
        except aiohttp.ClientError:
            self.seen.errors += 1
            return
        self._latencies_ms.append((time.perf_counter() - due_s) * 1000)
        if reply.status == HTTP_NO_CONTENT:
            self.seen.no_bids += 1
        elif reply.status == HTTP_OK:
            self._check_signature(request.id, body, reply.headers)
            await self._win(body)
        else:
            self.seen.refused[reply.status] = self.seen.refused.get(reply.status, 0) + 1

    def _check_signature(
        self, request_id: str, body: bytes, headers: aiohttp.typedefs.LooseHeaders
    ) -> None:
        signature = next(
            (str(value) for name, value in dict(headers).items() if "signature" in name.lower()), ""
        )
        if not signature:
            self.seen.unsigned += 1
        elif self._signing_key and not hmac.compare_digest(
            signature.rpartition("=")[2], sign_answer(self._signing_key, request_id, body)
        ):
            self.seen.badly_signed += 1

    async def _win(self, body: bytes) -> None:
        """Our auction: nearly every bid wins, most wins are seen; the others are told that they lost."""
        try:
            answer = msgspec.json.decode(body, type=Answer)
        except msgspec.MsgspecError:
            self.seen.unreadable += 1
            return
        bids = [bid for seat in answer.seatbid for bid in seat.bid]
        if not bids:
            self.seen.no_bids += 1
            return
        self.seen.answered += 1
        for bid in bids:
            self.seen.bids += 1
            self.seen.price_cpm_sum += bid.price
            if self._rng.random() >= WIN_SHARE:
                await self._notify("loss", bid.lurl, bid)
                continue
            await self._notify("win", bid.nurl, bid)
            if self._rng.random() < IMPRESSION_SHARE:
                await self._notify("billing", bid.burl, bid)

    async def _notify(self, kind: str, url: str, bid: AnswerBid) -> None:
        if not url:
            return
        macros = {
            "PRICE": f"{bid.price:f}",
            "LOSS": LOSS_OUTBID,
            "IMP_ID": bid.impid,
            "CURRENCY": "USD",
        }
        for name, value in macros.items():
            url = url.replace(f"${{AUCTION_{name}}}", value)
        try:
            async with self._session.get(url) as reply:
                delivered = reply.status in {HTTP_OK, HTTP_NO_CONTENT}
        except (aiohttp.ClientError, TimeoutError):
            delivered = False
        if delivered:
            self.seen.notices[kind] = self.seen.notices.get(kind, 0) + 1
        else:
            self.seen.notice_failures += 1

    def report(self) -> bytes:
        """A line of JSON; percentiles are of the time since the last report."""
        recent, self._latencies_ms = sorted(self._latencies_ms), []
        if recent:
            self.seen.p50_ms = round(recent[len(recent) // 2], 1)
            self.seen.p99_ms = round(recent[int(len(recent) * 0.99)], 1)
        line = msgspec.json.encode(self.seen)
        self.seen.late_ms_max = 0.0
        return line


async def main() -> None:
    rate = int(os.environ["TRAFFIC"])
    urls = os.environ["BIDDER_URLS"].split(",")
    demo = msgspec.json.decode(Path(os.environ["DEMO_FILE"]).read_bytes(), type=Demo)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        exchange = DemoExchange(demo.exchange, urls, os.environ.get("RTB_SECRET", ""), session)
        run = asyncio.create_task(exchange.run(rate, Traffic(seed=time.time_ns()), stopped))
        while not run.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(run), REPORT_EVERY_S)
            sys.stdout.write(exchange.report().decode() + "\n")
            sys.stdout.flush()
        await run


if __name__ == "__main__":
    uvloop.run(main())
