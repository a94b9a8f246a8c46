"""One DSP asked once: what a connection reports to, and what the auction's record says of it."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from rtbplatform.kernel.snapshot import DspView


class Listener(Protocol):
    """Who waits for calls: the fan-out."""

    def finished(self, call: Call) -> None: ...


class Call:
    """`outcome` is empty until it has ended; it ends once. `body` is decoded (gunzipped), `status` 0 = no answer."""

    __slots__ = (
        "body",
        "cause",
        "deadline_s",
        "dsp",
        "ended_s",
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
        dsp: DspView,
        listener: Listener,
        payload: bytes,
        *,
        started_s: float,
        deadline_s: float,
    ) -> None:
        self.dsp = dsp
        self.listener = listener
        self.payload = payload
        self.started_s = started_s
        self.deadline_s = deadline_s
        self.ended_s = 0.0
        self.outcome = ""
        self.cause = ""
        self.status = 0
        self.body = b""
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
