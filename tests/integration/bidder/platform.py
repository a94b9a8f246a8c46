"""A bidder with everything around it: real Redis, real banker process, and a treasury that grants what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import msgspec
import redis.asyncio

from bidder.__main__ import serve
from rtbplatform.kernel import snapshot as snapshots
from rtbplatform.kernel import stream, wire
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.events import AuctionEvent, NoticeEvent, decode_event
from rtbplatform.kernel.ids import uuid7, uuid_text
from rtbplatform.kernel.keys import derive, exchange_key_hash
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.settings import Bidder
from rtbplatform.kernel.snapshot import (
    CampaignView,
    CreativeView,
    DspView,
    ExchangeView,
    Snapshot,
    TargetingView,
)
from tests.integration.bidder.servers import RedisServer, free_port

SECRET = "a secret of at least thirty-two characters"
KEY = "the-exchanges-key"
OWN, DSPS = 100, 7
"""Campaigns: our own, and the one that DSP bids name."""


class Treasury:
    """Grants leases out of `funds` (campaign -> micros), settles every chunk at once and keeps what it saw."""

    def __init__(self, url: str) -> None:
        self.funds: dict[int, int] = {OWN: 10**12, DSPS: 10**12}
        self.auctions: list[AuctionEvent] = []
        self.notices: list[NoticeEvent] = []
        self.debits: dict[bytes, list[stream.DebitLine]] = {}
        self.hold_ms: dict[bytes, int] = {}
        self.claims: list[stream.Claim] = []
        self.sent: list[int] = []
        self.void: list[int] = []
        self.unknown: list[int] = []
        self.seq_of: dict[bytes, int] = {}
        self.keys: set[bytes] = set()
        self._redis = redis.asyncio.Redis.from_url(url, socket_timeout=30)
        self._mail_key = derive(SECRET, wire.MAIL_PURPOSE)
        self._lease_key = derive(SECRET, wire.LEASE_PURPOSE)
        self._granted: dict[tuple[bytes, int], wire.ToBanker] = {}
        self._seen: set[tuple[bytes, int]] = set()
        self._no = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        box = wire.treasury_mailbox("local")
        task = asyncio.current_task()
        assert task is not None
        # redis-py can lose the cancellation to an answer that arrives at the same moment.
        while not task.cancelling():
            mail = await self._redis.blpop([box], timeout=1)
            if mail is None:
                continue
            message = wire.open_treasury_mail(self._mail_key, mail[1])
            to, answer = self._answer(message)
            packed = wire.pack_mail(self._mail_key, answer)
            await self._redis.rpush(wire.banker_mailbox(uuid_text(to)), packed)

    def _answer(self, message: wire.ToTreasury) -> tuple[bytes, wire.ToBanker]:
        if isinstance(message, wire.Register):
            return message.incarnation, wire.Cursor(message.incarnation, 0)
        if isinstance(message, wire.LeaseRequest):
            key = (message.incarnation, message.no)
            if key not in self._granted:
                self._granted[key] = self._grant(message)
            return message.incarnation, self._granted[key]
        chunk = message.chunk
        if (chunk.incarnation, chunk.first_seq) not in self._seen:
            self._seen.add((chunk.incarnation, chunk.first_seq))
            assert chunk.verify()
            self._keep(chunk)
        return chunk.incarnation, wire.Cursor(chunk.incarnation, chunk.last_seq)

    def _grant(self, asked: wire.LeaseRequest) -> wire.ToBanker:
        free = self.funds.get(asked.campaign, 0)
        if free <= 0:
            return wire.Refuse(asked.no, asked.campaign, "exhausted", 100)
        amount = min(free, 10**9)
        self.funds[asked.campaign] = free - amount
        now_ms = time.time_ns() // 1_000_000
        self._no += 1
        lease = Lease(
            id=uuid7(now_ms),
            no=self._no,
            request_no=asked.no,
            incarnation=asked.incarnation,
            advertiser=asked.advertiser,
            campaign=asked.campaign,
            day=BudgetCalendar().day_of("UTC", now_ms),
            amount_micros=amount,
            budget_version=1,
            spend_for_ms=25_000,
            starts_in_ms=0,
            ends_in_ms=3_600_000,
        )
        return wire.Grant(lease.signed(self._lease_key))

    def _keep(self, chunk: stream.Chunk) -> None:
        self.keys |= {key.key_id for key in stream.chunk_keys(chunk.keys)}
        for seq, entry in enumerate(stream.chunk_entries(chunk.payload), chunk.first_seq):
            if isinstance(entry, stream.AuctionEntry):
                event = decode_event(entry.event)
                assert isinstance(event, AuctionEvent)
                self.auctions.append(event)
                if entry.debit_id:
                    self.debits[entry.debit_id] = entry.lines
                    self.hold_ms[entry.debit_id] = entry.hold_ms
                    self.seq_of[event.event_id] = seq
            elif isinstance(entry, stream.NoticeEntry):
                notice = decode_event(entry.event)
                assert isinstance(notice, NoticeEvent)
                self.notices.append(notice)
                if entry.claim is not None:
                    self.claims.append(entry.claim)
            elif isinstance(entry, stream.OutcomeEntry):
                self.sent += entry.sent
                self.void += [outcome.seq for outcome in entry.void]
                self.unknown += [outcome.seq for outcome in entry.unknown]

    async def close(self) -> None:
        await self._redis.aclose()


def make_snapshot(version: int, *dsps: DspView, **changes: object) -> Snapshot:
    """One exchange, one campaign of our own for 300x250 banners at 2.00, one that DSPs may name."""
    fields: dict[str, object] = {
        "exchanges": [ExchangeView(1, "demo", [exchange_key_hash(KEY)], qps_max=0)],
        "dsps": list(dsps),
        "campaigns": [campaign(OWN, 0, 2_000_000), campaign(DSPS, 1, 0)],
        "creatives": [
            CreativeView(1, "crid-1", 1, OWN, "banner", 300, 250, "<p>ad</p>", ["brand.example"])
        ],
        **changes,
    }
    return Snapshot(version=version, made_ms=0, **fields)  # type: ignore[arg-type]


def campaign(number: int, dsp: int, bid_cpm_micros: int) -> CampaignView:
    return CampaignView(
        id=number,
        advertiser=1 if not dsp else 2,
        currency="USD",
        dsp=dsp,
        bid_cpm_micros=bid_cpm_micros,
        starts_ms=0,
        ends_ms=0,
        budget_version=1,
        targeting=TargetingView(),
        domain="brand.example",
    )


class Platform:
    def __init__(self, folder: Path, redis_server: RedisServer) -> None:
        self.folder = folder
        self.redis = redis_server
        self.treasury = Treasury(redis_server.url)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.base}/openrtb2/demo"
        self.socket = folder / "b.sock"
        (folder / "outbox").mkdir()
        self._banker: asyncio.subprocess.Process | None = None
        self._version = 0

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "REDIS_URL": self.redis.url,
            "RTB_SECRET": SECRET,
            "BANKER_SOCKET": str(self.socket),
            "OUTBOX_DIR": str(self.folder / "outbox"),
            "MACHINE_ID": "test-machine",
            "BIDDER_PORT": str(self.port),
            "BIDDER_PUBLIC_URL": self.base,
        }

    def settings(self) -> Bidder:
        return Bidder(
            redis_url=self.redis.url,
            rtb_secret=SECRET,
            banker_socket=str(self.socket),
            bidder_port=self.port,
            bidder_public_url=self.base,
            enrich_ms=50,
        )

    async def publish(self, *dsps: DspView, **changes: object) -> None:
        self._version += 1
        sealed = snapshots.seal(
            derive(SECRET, wire.SNAPSHOT_PURPOSE), make_snapshot(self._version, *dsps, **changes)
        )
        client = redis.asyncio.Redis.from_url(self.redis.url)
        await client.set(wire.SNAPSHOT_BLOB, sealed)
        await client.set(wire.SNAPSHOT_VERSION, self._version)
        await client.publish(wire.SNAPSHOT_CHANNEL, str(self._version))
        await client.aclose()

    async def start_banker(self) -> None:
        self._banker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bidder.banker"), env=self.environment()
        )

    async def stop_banker(self, number: int = signal.SIGTERM) -> None:
        if self._banker is not None:
            with contextlib.suppress(ProcessLookupError):
                self._banker.send_signal(number)
            await self._banker.wait()

    @contextlib.asynccontextmanager
    async def bidder(self) -> AsyncIterator[None]:
        """In this process, so that a test fails where it breaks; serves on a real socket."""
        stop, started = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(serve(self.settings(), stop, started))
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield
        finally:
            stop.set()
            await serving
            await waiting

    async def wait_ready(self) -> None:
        """Until the bidder can sell, and every campaign with funds has money on this machine."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(15):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.base}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)

    async def settled(self, condition: Callable[[Treasury], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition(self.treasury):  # noqa: ASYNC110 - it changes in another task
                await asyncio.sleep(0.01)


def bid_request(request_id: str, **changes: object) -> dict[str, object]:
    return {
        "id": request_id,
        "imp": [{"id": "1", "banner": {"w": 300, "h": 250}, "bidfloor": 0.5}],
        "site": {"id": "s1", "domain": "news.example", "page": "https://news.example/a"},
        "device": {"ip": "203.0.113.9", "ua": "Mozilla/5.0", "geo": {"country": "USA"}},
        "user": {"id": "u-1"},
        "tmax": 1000,
        **changes,
    }


def encode(request: object) -> bytes:
    return msgspec.json.encode(request)
