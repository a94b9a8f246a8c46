"""Publishes the snapshot to one region's Redis whenever what it shows has changed, or Redis has lost it.

Versions come from one sequence of Postgres, so that they grow over regions, processes and restarts. A version is taken
before its content is read: of two publishers at once the one with the higher version may have read earlier, but both
look for changes since their own reading, and whoever's version is refused publishes again.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from redis import Redis, WatchError

from campaigns.snapshot.build import build
from rtbplatform.kernel import snapshot, wire
from rtbplatform.kernel.keys import derive

TOPICS = (
    "advertiser.",
    "block.",
    "campaign.",
    "creative.",
    "dsp.",
    "exchange.",
    "fx_rate.",
    "platform.",
    "targeting.",
)
"""Beginnings of the topics whose changes a snapshot shows."""
DEBOUNCE_MS = 100
REDIS_CHECK_MS = 500

logger = logging.getLogger(__name__)

_CHANGED = """
    SELECT EXISTS (
        SELECT 1 FROM outbox_event
         WHERE xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)
           AND NOT pg_visible_in_snapshot(xid, %(seen)s::pg_snapshot)
           AND topic LIKE ANY(%(topics)s))
"""
_VERSION = "SELECT nextval('campaigns_snapshot_version')"
_RAISE_VERSION = """
    SELECT setval('campaigns_snapshot_version',
                  greatest((SELECT last_value FROM campaigns_snapshot_version), %s))
"""


class Published(NamedTuple):
    version: int
    seen: str
    """Postgres' snapshot (pg_snapshot) that the content was read in."""


def publish(redis: Redis) -> Published | None:
    """Builds and writes a snapshot, all of it of one moment. None when Redis has a newer one.

    Raises django.db.Error, redis.RedisError: nothing was published then, or it will be again.
    """
    current = redis.get(wire.SNAPSHOT_VERSION)
    version = _next_version(int(current) if current else 0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_current_snapshot()::text")
        seen = cursor.fetchone()[0]
        content = build(version, timezone.now())
    key = derive(settings.PLATFORM.rtb_secret, wire.SNAPSHOT_PURPOSE)
    if not _write(redis, version, snapshot.seal(key, content)):
        return None
    redis.publish(wire.SNAPSHOT_CHANNEL, version)
    return Published(version, seen)


def changed_since(seen: str) -> bool:
    """Whether a change has committed that a reader with the Postgres snapshot `seen` could not see. Exact."""
    topics = [f"{beginning}%" for beginning in TOPICS]
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, {"seen": seen, "topics": topics})
        return bool(cursor.fetchone()[0])


def _next_version(above: int) -> int:
    """A version never given before, and above the one in Redis: after a restore Postgres may be behind."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION)
        version = int(cursor.fetchone()[0])
        if version <= above:
            cursor.execute(_RAISE_VERSION, [above])
            cursor.execute(_VERSION)
            version = int(cursor.fetchone()[0])
    return version


def _write(redis: Redis, version: int, blob: bytes) -> bool:
    """Blob and version in one step, unless a version at least as new is there."""
    with redis.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(wire.SNAPSHOT_VERSION)
            current = pipe.get(wire.SNAPSHOT_VERSION)
            if current and int(current) >= version:
                return False
            pipe.multi()
            pipe.set(wire.SNAPSHOT_BLOB, blob)
            pipe.set(wire.SNAPSHOT_VERSION, version)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True


class SnapshotPublisher:
    """Keeps one region's Redis up to date; `tick` is called again and again by the treasury, 20 times a second."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._published: Published | None = None
        self._run_id = ""
        self._next_look_ms = 0
        self._next_redis_look_ms = 0

    @property
    def version(self) -> int:
        """The last version published from here; 0 = none yet."""
        return self._published.version if self._published else 0

    def tick(self, now_ms: int) -> bool:
        """Publishes if something changed; returns whether it did. `now_ms`: any clock that does not jump.

        Looks at Postgres every DEBOUNCE_MS, so a burst of changes makes one snapshot; at Redis every REDIS_CHECK_MS.
        Raises django.db.Error, redis.RedisError: whatever was missed is seen by the next tick.
        """
        if now_ms < self._next_look_ms:
            return False
        self._next_look_ms = now_ms + DEBOUNCE_MS
        if not self._is_due(now_ms):
            return False
        self._published = None  # until the write has succeeded
        self._published = publish(self._redis)
        if self._published:
            logger.info("snapshot %d published", self._published.version)
        return self._published is not None

    def _is_due(self, now_ms: int) -> bool:
        if now_ms >= self._next_redis_look_ms:
            kept = self._redis_kept_it()
            self._next_redis_look_ms = now_ms + REDIS_CHECK_MS
            if not kept:
                self._published = None
        return self._published is None or changed_since(self._published.seen)

    def _redis_kept_it(self) -> bool:
        """A changed run id, or a missing or older version, means that Redis was emptied or restored."""
        run_id = self._redis.info("server")["run_id"]
        current = self._redis.get(wire.SNAPSHOT_VERSION)
        kept = run_id == self._run_id and current is not None and int(current) >= self.version
        self._run_id = run_id
        return kept and bool(self._redis.exists(wire.SNAPSHOT_BLOB))
