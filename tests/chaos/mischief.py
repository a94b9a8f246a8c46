"""A relay that misbehaves: takes mail out of a region's mailboxes and puts it back twice, late and in another order."""

from __future__ import annotations

import random
import time

import redis

from rtbplatform.kernel import wire
from tests.chaos.hands import Hands
from tests.chaos.stores import redis_client

KEPT = 12
"""Letters held back before they are shuffled."""
TAKE_S = 1
AGAIN_AT_ONCE = 30


class Mischief:
    """Through Redis itself: it waits on the same lists as treasury and bankers do, and gets every other letter."""

    def __init__(self, hands: Hands, region: str, rng: random.Random) -> None:
        self._hands, self._region, self._rng = hands, region, rng
        self.doubled = self.shuffled = 0

    def run(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            try:
                with redis_client(self._hands, self._region) as client:
                    self._meddle(client, until_s)
            except (redis.RedisError, OSError):
                self._hands.wait(0.5)

    def _meddle(self, client: redis.Redis, until_s: float) -> None:
        kept: list[tuple[bytes, bytes]] = []
        old: list[tuple[bytes, bytes]] = []
        try:
            while time.monotonic() < until_s:
                taken = client.blpop(self._boxes(), timeout=TAKE_S)
                if taken is not None:
                    kept.append(taken)
                if len(kept) >= KEPT or taken is None:
                    self._put_back(client, kept, old)
                    kept, old = [], kept
        finally:
            self._put_back(client, kept, old)

    def _put_back(
        self,
        client: redis.Redis,
        kept: list[tuple[bytes, bytes]],
        old: list[tuple[bytes, bytes]],
    ) -> None:
        """Shuffled; a third of them twice, and some of the ones before them once more."""
        again = [one for one in kept if self._rng.random() < 1 / 3]
        again += [one for one in old if self._rng.random() < 1 / 3]
        letters = [*kept, *again[:AGAIN_AT_ONCE]]
        self._rng.shuffle(letters)
        self.doubled += len(letters) - len(kept)
        self.shuffled += len(kept)
        for box, letter in letters:
            client.rpush(box, letter)

    def _boxes(self) -> list[str]:
        files = self._hands.outboxes(f"banker-{self._region}").glob("*.sqlite")
        return [
            wire.treasury_mailbox(self._region),
            *(wire.banker_mailbox(one.stem) for one in files),
        ]
