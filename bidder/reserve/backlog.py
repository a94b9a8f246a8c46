"""Stage 7, reserve: events without money that cannot be told now, bounded.

In: records while the banker is away or does not keep up. Out: their frames, in order, once it is back.
On failure: above the bound a record is dropped and counted; the keys it carried go with the next one, as later events
of the same person are sealed under them.
Time: none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rtbplatform.kernel import ipc
from rtbplatform.kernel.stream import SubjectKey

RECORDS_MAX = 5_000
KEYS_MAX = 1_000


class Backlog:
    """What waits for the banker."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._keys: list[SubjectKey] = []
        self._unreported = 0
        self.dropped = 0
        """Records dropped since this worker's start."""

    def add(self, message: ipc.Record) -> None:
        """Keeps a record, or drops and counts it."""
        if len(self._frames) < RECORDS_MAX:
            message.keys = self.with_keys(message.keys)
            self._frames.append(ipc.frame(message))
        else:
            self.keep_keys(message.keys)
            self.dropped += 1
            self._unreported += 1

    def keep_keys(self, keys: Sequence[SubjectKey]) -> None:
        """Keys of an event that was not told."""
        if len(self._keys) < KEYS_MAX:
            self._keys += keys

    def with_keys(self, keys: Sequence[SubjectKey]) -> list[SubjectKey]:
        """These, and those kept."""
        if not self._keys:
            return list(keys)
        together, self._keys = [*self._keys, *keys], []
        return together

    def take(self) -> list[bytes]:
        """All frames, and the number of those dropped."""
        frames = list(self._frames)
        self._frames.clear()
        if self._unreported:
            frames.append(ipc.frame(ipc.Lost(self._unreported, "the banker was away or too slow")))
            self._unreported = 0
        return frames
