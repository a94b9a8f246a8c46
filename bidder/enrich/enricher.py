"""Stage 3: what Redis knows of the user, how often campaigns were shown, and how fast this traffic comes.

In: a valid request, the caps that matter for it, the kinds of velocity that are limited. Out: `Enriched`.
On failure: Redis away or late: everything unknown, marked degraded; campaigns with frequency caps sit out.
Time: one round trip shared with all requests of the loop turn, ENRICH_MS (5) at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bidder.enrich.redis_address import encode_command
from bidder.enrich.redis_link import RedisLink
from rtbplatform.kernel import wire

MINUTE_MS = 60_000

_decode_profile = msgspec.msgpack.Decoder(wire.Profile).decode

Caps = Sequence[tuple[int, int]]
"""(campaign, window_s)."""


class Enriched(msgspec.Struct, eq=False):
    profile: wire.Profile | None = None
    cap_counts: dict[tuple[int, int], int] | None = None
    """None = not known."""
    velocity: dict[str, int] = {}
    """Requests of this minute per kind, this one included."""
    degraded: bool = False
    """Redis was away or late."""


class Enricher:
    """Reads and counts; owns no connection."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.degraded = 0

    async def enrich(
        self,
        user: str,
        caps: Caps,
        velocity_of: Mapping[str, str],
        now_ms: int,
        deadline_s: float,
    ) -> Enriched:
        """`user`: hex of the keyed hash, empty = not known or no consent. `velocity_of`: hashed value per kind.

        Velocity is counted by the same commands that read it, so that the count is exact over all workers.
        """
        commands: list[bytes] = []
        minute = now_ms // MINUTE_MS
        keys = [
            wire.velocity_key(kind, value, minute).encode() for kind, value in velocity_of.items()
        ]
        commands += [encode_command(b"INCR", key) for key in keys]
        if user:
            now_s = now_ms // 1000
            names = [wire.profile_key(user)]
            names += [wire.cap_key(user, campaign, window_s, now_s) for campaign, window_s in caps]
            commands.append(encode_command(b"MGET", *(name.encode() for name in names)))
        if not commands:
            return Enriched()
        replies = await self._link.ask(b"".join(commands), len(commands), deadline_s)
        if replies is None:
            self.degraded += 1
            return Enriched(degraded=True)
        self._expire_new(keys, replies)
        velocity = {
            kind: reply
            for kind, reply in zip(velocity_of, replies, strict=False)
            if isinstance(reply, int)
        }
        if not user:
            return Enriched(velocity=velocity)
        return _with_user(replies[-1], caps, velocity)

    def count_answers(self, user: str, caps: Caps, now_ms: int) -> None:
        """After an answer: its campaigns' caps are counted, without waiting."""
        commands: list[bytes] = []
        for campaign, window_s in caps:
            key = wire.cap_key(user, campaign, window_s, now_ms // 1000).encode()
            commands += (
                encode_command(b"INCR", key),
                encode_command(b"EXPIRE", key, b"%d" % window_s),
            )
        if commands:
            self._link.tell(b"".join(commands), len(commands))

    def _expire_new(self, keys: Sequence[bytes], replies: Sequence[Any]) -> None:
        """A counter's first request sets its end; all others save the command."""
        commands = [
            encode_command(b"EXPIRE", key, b"%d" % wire.VELOCITY_TTL_S)
            for key, reply in zip(keys, replies, strict=False)
            if reply == 1
        ]
        if commands:
            self._link.tell(b"".join(commands), len(commands))


def _with_user(reply: Any, caps: Caps, velocity: dict[str, int]) -> Enriched:
    if not isinstance(
        reply, list
    ):  # an error reply, of a user's keys of another type: unknown, not zero
        return Enriched(velocity=velocity, degraded=True)
    profile = None
    if reply[0] is not None:
        try:
            profile = _decode_profile(reply[0])
        except msgspec.MsgspecError:
            profile = None
    counts = {
        cap: int(value)
        for cap, value in zip(caps, reply[1:], strict=True)
        if value is not None and value.isdigit()
    }
    return Enriched(profile, counts, velocity)
