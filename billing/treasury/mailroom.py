"""The treasury's mail: signed messages in Redis lists, in and out. Redis may lose any of it (R4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtbplatform.kernel import wire
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import SealError, derive

log = structlog.get_logger(__name__)

TAKE_MAX = 2_000
SOCKET_TIMEOUT_S = 5


def connect(url: str) -> redis.Redis:
    """A client that does not retry: whoever uses it knows better when to."""
    return redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=2,
        health_check_interval=0,
    )


class Mailroom:
    """Takes and sends mail of one region. Its methods raise redis.RedisError."""

    def __init__(self, client: redis.Redis, region: str, secret: str) -> None:
        self._redis = client
        self._inbox = wire.treasury_mailbox(region)
        self._key = derive(secret, wire.MAIL_PURPOSE)
        self.counts: Counter[str] = Counter()

    def take(self, timeout_s: float) -> list[wire.ToTreasury]:
        """Waits for mail and takes what is there; bad mail is counted and dropped."""
        first = self._redis.blpop([self._inbox], timeout=timeout_s)
        if first is None:
            return []
        more = self._redis.lpop(self._inbox, TAKE_MAX) or []
        opened = (self._open(mail) for mail in [first[1], *more])
        return [message for message in opened if message is not None]

    def send(self, mail: Iterable[tuple[bytes, wire.ToBanker]]) -> None:
        """Puts messages into incarnations' mailboxes, in order."""
        pipeline = self._redis.pipeline(transaction=False)
        boxes: dict[str, None] = {}
        for incarnation, message in mail:
            box = wire.banker_mailbox(uuid_text(incarnation))
            boxes[box] = None
            pipeline.rpush(box, wire.pack_mail(self._key, message))
        for box in boxes:
            pipeline.ltrim(box, -wire.MAILBOX_MESSAGES_MAX, -1)
            pipeline.expire(box, wire.BANKER_MAILBOX_TTL_S)
        if boxes:
            pipeline.execute()

    def _open(self, mail: bytes) -> wire.ToTreasury | None:
        try:
            message = wire.open_treasury_mail(self._key, mail)
        except (SealError, msgspec.MsgspecError) as error:
            self.counts["bad_mail"] += 1
            log.warning("mail dropped", error=str(error))
            return None
        self.counts[type(message).__name__] += 1
        return message
