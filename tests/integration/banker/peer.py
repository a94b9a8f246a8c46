"""The network's other end of the budget protocol, in a test: an honest treasury with an exact memory.

It grants out of plain numbers, takes streams gapless and verified, and asserts at every entry what the ledger relies on.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass, field

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from rtbplatform.kernel import stream, wire
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.protocol import Lease, ProtocolTimes


@dataclass
class Account:
    """A lease, as the ledger sees it."""

    lease: Lease
    spent: int = 0
    state: str = "granted"


@dataclass
class Known:
    """A stream."""

    last_seq: int = 0
    hash: bytes = stream.GENESIS_HASH
    state: str = "open"
    entries: list[stream.Entry] = field(default_factory=list)
    granted: dict[int, Lease] = field(default_factory=dict)


class TreasuryPeer:
    """Campaigns are on day 1. `free` is what was never leased or came back."""

    def __init__(self, redis_url: str, secret: str, budgets: dict[int, int]) -> None:
        self._redis_url = redis_url
        self._lease_key = derive(secret, wire.LEASE_PURPOSE)
        self._mail_key = derive(secret, wire.MAIL_PURPOSE)
        self.times = ProtocolTimes()
        self.budgets = dict(budgets)
        self.free = dict(budgets)
        self.streams: dict[bytes, Known] = {}
        self.leases: dict[bytes, Account] = {}
        self.debits: dict[bytes, tuple[int, str]] = {}
        """Debit id -> (micros, outcome)."""
        self.lease_max: int | None = None
        self.day_ends_in_ms = 3_600_000
        self.registered: list[wire.Register] = []
        self.duplicates = 0
        self.is_away = False
        """It takes mail and answers nothing."""
        self.changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self._ids: dict[tuple[bytes, int], bytes] = {}

    def _client(self) -> redis.asyncio.Redis:
        return redis.asyncio.Redis.from_url(
            self._redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=5
        )

    async def __aenter__(self) -> TreasuryPeer:
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        failed = self._task.exception() if self._task.done() else None
        self._ending = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if failed is not None:
            raise failed

    async def _serve(self) -> None:
        client = self._client()
        try:
            while not self._ending:
                with contextlib.suppress(RedisError, OSError):
                    await self._take(client)
                async with self.changed:
                    self.changed.notify_all()
        finally:
            await client.aclose()

    async def _take(self, client: redis.asyncio.Redis) -> None:
        mailbox = wire.treasury_mailbox("test")
        first = await client.blpop([mailbox], timeout=1)
        more = await client.lpop(mailbox, 500) if first else None
        for mail in [*([first[1]] if first else []), *(more or [])]:
            message = wire.open_treasury_mail(self._mail_key, mail)
            for answer in self.handle(message):
                await self.send(client, _incarnation(message), answer)

    async def send(
        self, client: redis.asyncio.Redis, incarnation: bytes, message: wire.ToBanker
    ) -> None:
        key = wire.banker_mailbox(uuid_text(incarnation))
        await client.rpush(key, wire.pack_mail(self._mail_key, message))

    async def tell(self, incarnation: bytes, message: wire.ToBanker) -> None:
        client = self._client()
        await self.send(client, incarnation, message)
        await client.aclose()

    async def until(self, true: object, timeout_s: float = 20) -> None:
        """Waits until the condition holds."""
        assert callable(true)
        async with asyncio.timeout(timeout_s), self.changed:
            while not true():
                if self._task is not None and self._task.done():
                    self._task.result()
                await self.changed.wait()

    def restore_from_nothing(self) -> None:
        """Its database comes back as it was before any stream, grant or debit."""
        self.streams.clear()
        self.leases.clear()
        self.debits.clear()
        self._ids.clear()
        self.free = dict(self.budgets)

    def handle(self, message: wire.ToTreasury) -> list[wire.ToBanker]:
        if self.is_away:
            return []
        if isinstance(message, wire.Register):
            self.registered.append(message)
            known = self.streams.setdefault(message.incarnation, Known())
            return [wire.Cursor(message.incarnation, known.last_seq, known.state)]
        known_ = self.streams.get(_incarnation(message))
        if isinstance(message, wire.LeaseRequest):
            return [self._grant(message, known_)]
        if known_ is None:
            return []
        self._settle(message.chunk, known_)
        return [wire.Cursor(message.chunk.incarnation, known_.last_seq, known_.state)]

    def _grant(self, request: wire.LeaseRequest, known: Known | None) -> wire.ToBanker:
        def refuse(reason: str) -> wire.Refuse:
            return wire.Refuse(request.no, request.campaign, reason, 50)

        if known is None:
            return refuse("unregistered")
        if known.state == "closed":
            return refuse("fenced")
        if request.no in known.granted:
            return wire.Grant(known.granted[request.no])
        if request.campaign not in self.free:
            return refuse("unknown_campaign")
        free = self.free[request.campaign]
        amount = min(free, request.want_micros, self.lease_max or free)
        if amount < request.min_amount_micros:
            return refuse("exhausted")
        lease = self.make_lease(request, amount)
        known.granted[request.no] = lease
        self.free[request.campaign] -= amount
        self.leases[lease.id] = Account(lease)
        return wire.Grant(lease)

    def make_lease(self, request: wire.LeaseRequest, amount: int) -> Lease:
        return Lease(
            id=uuid.uuid4().bytes,
            no=len(self.leases) + 1,
            request_no=request.no,
            incarnation=request.incarnation,
            advertiser=request.advertiser,
            campaign=request.campaign,
            day=1,
            amount_micros=amount,
            budget_version=1,
            spend_for_ms=self.times.lease_working_ms,
            starts_in_ms=0,
            ends_in_ms=self.day_ends_in_ms,
        ).signed(self._lease_key)

    def _settle(self, chunk: stream.Chunk, known: Known) -> None:
        assert chunk.verify(), "a chunk's hash is that of its bytes"
        if chunk.last_seq <= known.last_seq:
            self.duplicates += 1
            return
        if chunk.first_seq > known.last_seq + 1:
            return
        assert chunk.first_seq == known.last_seq + 1, "the same seq is always in the same chunk"
        assert chunk.prev_hash == known.hash, "the chain is unbroken"
        assert known.state == "open", "nothing comes after a fence"
        entries = stream.chunk_entries(chunk.payload)
        assert len(entries) == chunk.count
        for seq, entry in enumerate(entries, chunk.first_seq):
            self._post(seq, entry, chunk.incarnation, known)
        known.entries += entries
        known.last_seq, known.hash = chunk.last_seq, chunk.hash

    def _post(self, seq: int, entry: stream.Entry, incarnation: bytes, known: Known) -> None:
        if isinstance(entry, stream.AuctionEntry) and entry.debit_id:
            self._ids[incarnation, seq] = entry.debit_id
            assert entry.debit_id not in self.debits, "a debit is in one stream once"
            self.debits[entry.debit_id] = sum(line.amount_micros for line in entry.lines), "open"
            for line in entry.lines:
                account = self.leases[line.lease]
                assert account.state == "accepted", "debits stand between acceptance and seal"
                account.spent += line.amount_micros
                assert account.spent <= account.lease.amount_micros, "E3"
        elif isinstance(entry, stream.OutcomeEntry):
            for sent_seq in entry.sent:
                self._decide(incarnation, sent_seq, "sent")
            for outcome in entry.unknown:
                self._decide(incarnation, outcome.seq, "unknown")
            for outcome in entry.void:
                self._decide(incarnation, outcome.seq, "void")
                self._credit(outcome.lines)
        elif isinstance(entry, stream.LeaseEntry):
            for change in entry.changes:
                self._lease_changed(change)
        elif isinstance(entry, stream.FenceEntry):
            known.state = "closed"
            self._free_all(incarnation)

    def _decide(self, incarnation: bytes, seq: int, outcome: str) -> None:
        debit_id = self._ids[incarnation, seq]
        amount, before = self.debits[debit_id]
        assert before == "open", "an outcome is final"
        self.debits[debit_id] = amount, outcome

    def _credit(self, lines: list[stream.DebitLine]) -> None:
        for line in lines:
            account = self.leases[line.lease]
            account.spent -= line.amount_micros
            if account.state == "sealed":
                self.free[line.campaign] += line.amount_micros

    def _lease_changed(self, change: stream.LeaseChange) -> None:
        if change.lease_signed is not None and change.lease not in self.leases:
            assert change.lease_signed.verify(self._lease_key)
            self.leases[change.lease] = Account(change.lease_signed)
            self.free[change.campaign] -= change.amount_micros
        account = self.leases[change.lease]
        expected = {"accepted": "granted", "sealed": "accepted", "tombstoned": "granted"}
        assert account.state == expected[change.kind], f"{change.kind} after {account.state}"
        assert change.spent_micros == account.spent, "the banker's sum is the ledger's"
        account.state = "sealed" if change.kind == "tombstoned" else change.kind
        if account.state == "sealed":
            self.free[change.campaign] += account.lease.amount_micros - account.spent

    def _free_all(self, incarnation: bytes) -> None:
        for account in self.leases.values():
            if account.lease.incarnation == incarnation and account.state != "sealed":
                assert account.state == "granted", "a fence comes after the seals"
                account.state = "sealed"
                self.free[account.lease.campaign] += account.lease.amount_micros

    def check(self) -> None:
        """E2: every micro is somewhere."""
        for campaign, budget in self.budgets.items():
            mine = [a for a in self.leases.values() if a.lease.campaign == campaign]
            out = sum(a.lease.amount_micros for a in mine if a.state != "sealed")
            spent = sum(a.spent for a in mine if a.state == "sealed")
            assert self.free[campaign] + out + spent == budget

    def delivered(self) -> int:
        """All that is not void."""
        return sum(amount for amount, outcome in self.debits.values() if outcome != "void")

    def is_quiet(self) -> bool:
        """All streams are closed."""
        return all(known.state == "closed" for known in self.streams.values())


def _incarnation(message: wire.ToTreasury) -> bytes:
    if isinstance(message, wire.Ship):
        return message.chunk.incarnation
    return message.incarnation
