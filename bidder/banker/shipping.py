"""Which chunks of a stream to send now: a window of unacknowledged bytes, and going back when mail was lost.

Plain decisions: the relay brings the clock (boot time), the chunks and Redis.
"""

from __future__ import annotations

from collections import deque

BACKOFF_MAX = 8
"""Without any progress the pause before sending again grows to this many times the relay's retry time."""


class Shipping:
    """How far one stream has been sent and settled."""

    def __init__(self, settled_seq: int, window_bytes: int, retry_ms: int) -> None:
        self.settled_seq = settled_seq
        self.sent_seq = settled_seq
        self.state = "open"
        self.registered = False
        """Whether the treasury knows the stream: before, it takes nothing of it."""
        self.registers = True
        """Whether a `Register` is to be sent, again and again until a cursor answers it."""
        self.resends = 0
        self.has_more = False
        """Whether the last look left chunks behind."""
        self._window_bytes = window_bytes
        self._retry_ms = retry_ms
        self._under_way: deque[tuple[int, int]] = deque()
        self.under_way_bytes = 0
        self._progress_ms = 0
        self._patience = 1
        self._went_back_at = -1
        self._register_sent = False

    def may_send(self) -> bool:
        """Whether the window has room; one chunk may always be under way."""
        return self.registered and self.under_way_bytes < self._window_bytes

    def sent(self, last_seq: int, size_bytes: int, now_ms: int) -> None:
        """A chunk is in the mailbox."""
        if not self._under_way:
            self._progress_ms = now_ms
        self.sent_seq = last_seq
        self._under_way.append((last_seq, size_bytes))
        self.under_way_bytes += size_bytes

    def register_sent(self) -> None:
        """A `Register` is in the mailbox."""
        self._register_sent = True

    def register_again(self) -> None:
        """The treasury wants to hear what lies here (a census), or something was found that it must know of."""
        self.registers, self._register_sent = True, False

    def unknown(self) -> None:
        """The treasury has never heard of this stream, or has lost it: it is registered before anything is sent."""
        self.registered = False
        self.register_again()

    def cursor(self, settled_seq: int, state: str, now_ms: int) -> None:
        """The treasury says how far it has settled. The same again means that what we sent after it is lost."""
        if state == "unknown":
            self.unknown()
            return
        first = not self.registered
        self.registers = self.registers and not self._register_sent
        self.registered, self.state = True, state
        if settled_seq < self.settled_seq or first:
            self.settled_seq = settled_seq
            self._go_back(now_ms)
        elif settled_seq > self.settled_seq:
            self._settled(settled_seq, now_ms)
        elif self.sent_seq > settled_seq and self._went_back_at != settled_seq:
            # Once per cursor: the treasury says it again for every copy it gets.
            self._went_back_at = settled_seq
            self._go_back(now_ms)

    def failed(self, now_ms: int) -> None:
        """What was marked as sent may not have left."""
        self._go_back(now_ms)

    def tick(self, now_ms: int) -> bool:
        """Goes back to the cursor when nothing was settled for too long: whether it did."""
        if not self._under_way or now_ms - self._progress_ms < self._retry_ms * self._patience:
            return False
        self._patience = min(2 * self._patience, BACKOFF_MAX)
        self._go_back(now_ms)
        return True

    def _settled(self, settled_seq: int, now_ms: int) -> None:
        self.settled_seq = settled_seq
        self.sent_seq = max(self.sent_seq, settled_seq)
        self._progress_ms, self._patience = now_ms, 1
        while self._under_way and self._under_way[0][0] <= settled_seq:
            self.under_way_bytes -= self._under_way.popleft()[1]

    def _go_back(self, now_ms: int) -> None:
        self.resends += bool(self._under_way)
        self.sent_seq = self.settled_seq
        self._under_way.clear()
        self.under_way_bytes = 0
        self._progress_ms = now_ms
