"""Ships the streams of this machine, and carries letters, through the region's Redis.

Redis may be gone, hang, be emptied or old: every stream is sent again from the settled cursor, and bidding goes on from
leases meanwhile. Each incarnation's mailbox is read on a connection of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

import msgspec
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bidder.banker.outbox import Identity, Outbox
from bidder.banker.shipping import Shipping
from rtbplatform.kernel import wire
from rtbplatform.kernel.clock import Clock
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import SealError

LETTERS_MAX = 20_000
CHUNKS_AT_ONCE = 32
GATHER_S = 0.01
POLL_S = 0.1
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.05, 1.0
SOCKET_TIMEOUT_S = 3.0
BLOCK_S = 1
READ_AT_ONCE = 200
READ_PAUSE_S = 0.005
log = logging.getLogger(__name__)


def connect(url: str) -> redis.asyncio.Redis:
    """One process's client: no hidden retries, as they make a refused connection look slow."""
    return redis.asyncio.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=2,
    )


class Stream:
    """One incarnation's stream on its way out."""

    def __init__(
        self,
        identity: Identity,
        outbox: Outbox,
        shipping: Shipping,
        receive: Callable[[wire.ToBanker], None],
        disk: Callable[[], tuple[list[bytes], list[bytes]]] | None = None,
        epoch: Callable[[], int] = lambda: 0,
    ) -> None:
        """`disk` and `epoch`, of the live incarnation: what lies here, of what there are only copies, and the newest
        census that it knows (`wire.Register`)."""
        self.identity = identity
        self.outbox = outbox
        self.shipping = shipping
        self.receive = receive
        self._disk = disk
        self._epoch = epoch
        self.register_ms = -(10**12)
        self.is_removed = False

    @property
    def incarnation(self) -> bytes:
        return self.identity.incarnation

    def registration(self) -> wire.Register:
        """What the treasury is told of it now."""
        identity = self.identity
        found, copies = self._disk() if self._disk else (None, [])
        return wire.Register(
            incarnation=identity.incarnation,
            region=identity.region,
            pod=identity.pod,
            machine=identity.text(),
            started_ms=identity.started_ms,
            last_seq=self.outbox.head().last_seq,
            found=found,
            copies=copies,
            epoch=self._epoch(),
        )


class Relay:
    """The only part of the banker that talks to Redis."""

    def __init__(
        self,
        url: str,
        region: str,
        mail_key: bytes,
        clock: Clock,
        retry_ms: int,
        watch: Callable[[asyncio.Task[None]], None],
    ) -> None:
        """`watch` is told when one of its tasks ends: by an error only if something is wrong with this program."""
        self._url = url
        self._mailbox = wire.treasury_mailbox(region)
        self._mail_key = mail_key
        self._clock = clock
        self._retry_ms = retry_ms
        self._watch = watch
        self._letters: deque[bytes] = deque(maxlen=LETTERS_MAX)
        self._wake = asyncio.Event()
        self._streams: dict[bytes, Stream] = {}
        self._readers: dict[bytes, asyncio.Task[None]] = {}
        self._redis = connect(url)
        self._sender: asyncio.Task[None] | None = None
        self._stopping = False
        self.is_up = False
        self.bad_mail = 0
        self.shipped_bytes = 0

    @property
    def streams(self) -> list[Stream]:
        return list(self._streams.values())

    def start(self) -> None:
        self._sender = asyncio.create_task(self._send_for_ever(), name="relay")
        self._sender.add_done_callback(self._watch)

    async def stop(self) -> None:
        """Ends all connections."""
        self._stopping = (
            True  # a library that turns a cancellation into a timeout cannot keep us here
        )
        tasks = [*self._readers.values(), *([self._sender] if self._sender else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._redis.aclose()

    def add(self, stream: Stream) -> None:
        """Registers a stream, ships it and reads its mail."""
        self._streams[stream.incarnation] = stream
        name = f"mail of {uuid_text(stream.incarnation)}"
        self._readers[stream.incarnation] = asyncio.create_task(
            self._read_for_ever(stream), name=name
        )
        self._wake.set()

    def remove(self, stream: Stream) -> None:
        """A stream that is settled to its end."""
        stream.is_removed = True
        del self._streams[stream.incarnation]
        self._readers.pop(stream.incarnation).cancel()

    def post(self, message: wire.LeaseRequest) -> None:
        """A letter, sent at once. It may get lost; whoever wrote it writes again."""
        self._letters.append(wire.pack_mail(self._mail_key, message))
        self._wake.set()

    def wake(self) -> None:
        """There are new chunks, or room in a window."""
        self._wake.set()

    async def put_health(self, key: str, health: wire.PodHealth) -> None:
        """The pod's numbers, expiring. Raises RedisError or OSError."""
        await self._redis.set(key, msgspec.msgpack.encode(health), ex=wire.HEALTH_TTL_S)

    async def _send_for_ever(self) -> None:
        backoff_s = BACKOFF_MIN_S
        while not self._stopping:
            try:
                await self._send()
                self.is_up, backoff_s = True, BACKOFF_MIN_S
            except (RedisError, OSError) as error:
                if self.is_up:
                    log.warning("Redis is gone, bidding goes on from leases: %s", error)
                self.is_up = False
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
                continue
            await self._wait()

    async def _wait(self) -> None:
        """Until there is a letter, or long enough for a few chunks to go together."""
        if any(stream.shipping.has_more and stream.shipping.may_send() for stream in self.streams):
            return
        try:
            async with asyncio.timeout(min(POLL_S, self._retry_ms / 4000)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
        if not self._letters:
            await asyncio.sleep(GATHER_S)

    async def _send(self) -> None:
        now_ms = self._clock.boot_ms()
        letters = list(self._letters)
        self._letters.clear()
        mail: list[bytes] = []
        sending: list[Stream] = []
        for stream in self._streams.values():
            stream.shipping.tick(now_ms)
            if stream.shipping.registers:
                mail += self._registration(stream, now_ms)
            if chunks := self._chunks(stream, now_ms):
                mail += chunks
                sending.append(stream)
        mail += letters
        if not mail and self.is_up:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for letter in mail:
            pipeline.rpush(self._mailbox, letter)
        pipeline.ltrim(self._mailbox, -wire.MAILBOX_MESSAGES_MAX, -1)
        try:
            await pipeline.execute()
        except (RedisError, OSError):
            for stream in sending:
                stream.shipping.failed(now_ms)
            raise

    def _registration(self, stream: Stream, now_ms: int) -> list[bytes]:
        if now_ms - stream.register_ms < self._retry_ms:
            return []
        stream.register_ms = now_ms
        stream.shipping.register_sent()
        return [wire.pack_mail(self._mail_key, stream.registration())]

    def _chunks(self, stream: Stream, now_ms: int) -> list[bytes]:
        """As many chunks as the window takes. Marked as sent now: the answer may come before the write returns."""
        shipping = stream.shipping
        mail: list[bytes] = []
        if not shipping.may_send():
            return mail
        for chunk in stream.outbox.chunks_after(
            shipping.sent_seq, stream.incarnation, CHUNKS_AT_ONCE
        ):
            if not shipping.may_send():
                break
            letter = wire.pack_mail(self._mail_key, wire.Ship(chunk))
            shipping.sent(chunk.last_seq, len(letter), now_ms)
            self.shipped_bytes += len(letter)
            mail.append(letter)
        shipping.has_more = len(mail) == CHUNKS_AT_ONCE
        return mail

    async def _read_for_ever(self, stream: Stream) -> None:
        mailbox = wire.banker_mailbox(uuid_text(stream.incarnation))
        client = connect(self._url)
        backoff_s = BACKOFF_MIN_S
        try:
            while not (self._stopping or stream.is_removed):
                try:
                    first = await client.blpop([mailbox], timeout=BLOCK_S)
                    more = await client.lpop(mailbox, READ_AT_ONCE) if first else None
                    backoff_s = BACKOFF_MIN_S
                except (RedisError, OSError):
                    await asyncio.sleep(backoff_s)
                    backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
                    continue
                mails = [*([first[1]] if first else []), *(more or [])]
                for mail in mails:
                    self._open(stream, cast("bytes", mail))
                if mails:
                    self._wake.set()
                    # Cursors come one per chunk: taking a few at a time costs a grant 5 ms at most.
                    await asyncio.sleep(READ_PAUSE_S)
        finally:
            await client.aclose()

    def _open(self, stream: Stream, mail: bytes) -> None:
        try:
            message = wire.open_banker_mail(self._mail_key, mail)
        except (SealError, msgspec.MsgspecError) as error:
            self.bad_mail += 1
            log.warning("mail dropped: %s", error)
            return
        stream.receive(message)
