"""A circuit breaker per DSP: stops asking one that fails, probes it, and asks it again once it works.

Plain values, no clock: whoever calls says what time it is.
"""

from __future__ import annotations

CLOSED, HALF_OPEN, OPEN = 0, 1, 2

FAILURES_IN_A_ROW = 5
WINDOW_S = 10.0
WINDOW_CALLS_MIN = 20
"""Half of fewer calls says nothing."""
PROBE_AFTER_S = 30.0
SUCCESSES_TO_CLOSE = 3


class Breaker:
    """Opens after 5 failures in a row or when half of a window failed, probes after 30 s, closes after 3 successes.

    Every call that `allows` let through must be reported once: `success`, `failure` or `neutral`.
    """

    __slots__ = (
        "_in_a_row",
        "_opened_s",
        "_previous",
        "_probing",
        "_successes",
        "_window",
        "_window_s",
        "state",
    )

    def __init__(self) -> None:
        self.state = CLOSED
        self._in_a_row = 0
        self._successes = 0
        self._probing = False
        self._opened_s = 0.0
        # Calls and failures of this half window and the one before: a sliding window of two integers each.
        self._window = [0, 0]
        self._previous = [0, 0]
        self._window_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether to ask; when half open, one probe at a time."""
        if self.state == CLOSED:
            return True
        if self.state == OPEN:
            if now_s - self._opened_s < PROBE_AFTER_S:
                return False
            self.state = HALF_OPEN
            self._successes = 0
            self._probing = False
        if self._probing:
            return False
        self._probing = True
        return True

    def success(self, now_s: float) -> None:
        """An answer that could be used, a no-bid included."""
        self._in_a_row = 0
        if self.state == HALF_OPEN:
            self._probing = False
            self._successes += 1
            if self._successes >= SUCCESSES_TO_CLOSE:
                self._close()
        elif self.state == CLOSED:
            self._count(now_s, failed=False)

    def failure(self, now_s: float) -> None:
        """A timeout, a connection that failed, an answer that could not be used."""
        self._in_a_row += 1
        if self.state == HALF_OPEN:
            self._open(now_s)
        elif self.state == CLOSED:
            self._count(now_s, failed=True)
            calls = self._window[0] + self._previous[0]
            failures = self._window[1] + self._previous[1]
            half_failed = calls >= WINDOW_CALLS_MIN and failures * 2 >= calls
            if self._in_a_row >= FAILURES_IN_A_ROW or half_failed:
                self._open(now_s)

    def neutral(self) -> None:
        """A call that says nothing of the DSP (it was given too little time); a probe may be tried again."""
        self._probing = False

    def _count(self, now_s: float, *, failed: bool) -> None:
        if now_s - self._window_s >= WINDOW_S / 2:
            stale = now_s - self._window_s >= WINDOW_S
            self._previous = [0, 0] if stale else self._window
            self._window = [0, 0]
            self._window_s = now_s
        self._window[0] += 1
        self._window[1] += failed

    def _open(self, now_s: float) -> None:
        self.state = OPEN
        self._opened_s = now_s
        self._probing = False

    def _close(self) -> None:
        self.state = CLOSED
        self._in_a_row = 0
        self._window = [0, 0]
        self._previous = [0, 0]
