"""One DSP asked once: what a connection reports to, and what the auction's record says of it."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from bidder.openrtb.answer import DspAnswer
from rtbplatform.kernel.snapshot import DspView


class Listener(Protocol):
    """Who waits for calls: the fan-out."""

    def finished(self, call: Call) -> None: ...


class Call:
    """`outcome` is empty until it has ended; it ends once. `body` is decoded (gunzipped), `status` 0 = no answer.

    `index` is the listener's own. `answer` is set by the listener when the body could be used.
    """

    __slots__ = (
        "answer",
        "body",
        "cause",
        "deadline_s",
        "dsp",
        "ended_s",
        "index",
        "listener",
        "outcome",
        "payload",
        "retried",
        "sent",
        "started_s",
        "status",
    )

    def __init__(
        self,
        index: int,
        dsp: DspView,
        listener: Listener,
        *,
        started_s: float,
        deadline_s: float,
    ) -> None:
        self.index = index
        self.dsp = dsp
        self.listener = listener
        self.payload = b""
        self.started_s = started_s
        self.deadline_s = deadline_s
        self.ended_s = 0.0
        self.outcome = ""
        self.cause = ""
        self.status = 0
        self.body = b""
        self.answer: DspAnswer | None = None
        self.retried = False
        self.sent = False

    def answered(self, status: int, body: bytes) -> None:
        """A whole HTTP answer, whatever it says; the listener judges it."""
        self._end("answered", "", status, body)

    def failed(self, cause: str, status: int = 0, body: bytes = b"") -> None:
        self._end("error", cause, status, body)

    def expire(self) -> None:
        """Its deadline."""
        self._end("timeout", "" if self.sent else "no free connection in time", 0, b"")

    @property
    def latency_ms(self) -> float:
        """From the decision to ask until the answer, or until it was given up; 0 = not asked."""
        return (self.ended_s - self.started_s) * 1000 if self.ended_s else 0.0

    def skip(self, cause: str) -> None:
        """Not asked. Reported to nobody: whoever skips it knows."""
        self.outcome = "skipped"
        self.cause = cause

    def _end(self, outcome: str, cause: str, status: int, body: bytes) -> None:
        if self.outcome:
            return
        self.outcome = outcome
        self.cause = cause
        self.status = status
        self.body = body
        self.ended_s = perf_counter()
        self.listener.finished(self)
