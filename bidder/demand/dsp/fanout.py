"""Stage 5, second half: the DSPs of one request, asked at once, and whatever has arrived by the deadline.

In: the request's formats and country, its shared body, a deadline. Out: a `Call` per DSP, answers decoded.
On failure: a DSP that cannot be asked, fails or is late is a call with a cause; never an error of the request.
Time: until the last DSP has answered, the deadline at most (FANOUT_MS, or what the exchange's tmax leaves).
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from bidder.demand.dsp.call import Call
from bidder.demand.dsp.lane import Lane
from bidder.edge.quotas import Quotas
from bidder.edge.wheel import Wheel
from bidder.openrtb.answer import BadAnswerError, parse_answer
from bidder.openrtb.parts import SharedBody

DSP_MARGIN_MS = 4
"""Kept of the time we tell a DSP, for the way there and back."""
FAIR_SHARE = 0.5
"""A timeout speaks against a DSP when it was given this share of the usual time; else against the exchange's tmax."""

log = logging.getLogger(__name__)


class FanOut:
    """One request's calls. `wait` once."""

    __slots__ = ("_done", "_fair_ms", "_lanes", "_missing", "calls", "deadline_s")

    def __init__(self, lanes: list[Lane], deadline_s: float, usual_ms: int) -> None:
        self._lanes = lanes
        self._fair_ms = usual_ms * FAIR_SHARE
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing = 0
        self.deadline_s = deadline_s
        self.calls: list[Call] = []

    def ask(
        self, formats: set[str], country: str, body: SharedBody, quotas: Quotas, wheel: Wheel
    ) -> None:
        """Sends the request to every DSP that may be asked."""
        now_s = perf_counter()
        for index, lane in enumerate(self._lanes):
            deadline_s = self.deadline_s
            if lane.dsp.timeout_ms:
                deadline_s = min(deadline_s, now_s + lane.dsp.timeout_ms / 1000)
            call = Call(index, lane.dsp, self, started_s=now_s, deadline_s=deadline_s)
            self.calls.append(call)
            left_ms = int((deadline_s - now_s) * 1000) - DSP_MARGIN_MS
            refused = (
                lane.refusal(formats, country, quotas, now_s)
                if left_ms > 0
                else "insufficient_time"
            )
            if refused:
                call.skip(refused)
                cause = refused.partition(":")[0]
                lane.numbers.skipped[cause] = lane.numbers.skipped.get(cause, 0) + 1
                continue
            lane.numbers.calls += 1
            call.payload = lane.payload(body.for_dsp(left_ms))
            self._missing += 1
            if deadline_s < self.deadline_s:
                wheel.add(deadline_s, call)
        # All are made before any is sent, so that one which fails at once does not end the fan-out.
        asked = [call for call in self.calls if not call.outcome]
        if not asked:
            self._done.set_result(None)
            return
        wheel.add(self.deadline_s, self)
        for call in asked:
            self._lanes[call.index].pool.submit(call)

    async def wait(self) -> list[Call]:
        """All calls, ended."""
        await self._done
        return self.calls

    def expire(self) -> None:
        """The deadline: those still out have timed out."""
        if self._missing:
            for call in self.calls:
                if not call.outcome:
                    call.expire()

    def finished(self, call: Call) -> None:
        """A call has ended: judges it, and tells the breaker."""
        lane = self._lanes[call.index]
        try:
            self._judge(call, lane)
        except Exception as error:
            log.exception("DSP %s: judging an answer failed", call.dsp.slug)
            call.outcome, call.cause = "error", f"internal: {type(error).__name__}"
        self._tell(call, lane)
        self._missing -= 1
        if not self._missing and not self._done.done():
            self._done.set_result(None)

    def _judge(self, call: Call, lane: Lane) -> None:
        if call.outcome != "answered":
            return
        lane.numbers.latency.observe_us(int(call.latency_ms * 1000))
        if call.status == 204 or (call.status == 200 and not call.body):
            call.outcome = "no_bid"
        elif call.status != 200:
            call.outcome, call.cause = "error", f"status {call.status}"
        else:
            try:
                call.answer = parse_answer(call.body)
            except BadAnswerError as error:
                call.outcome, call.cause = "error", error.cause
                return
            call.outcome = "bid" if call.answer.bids or call.answer.dropped else "no_bid"

    def _tell(self, call: Call, lane: Lane) -> None:
        numbers, now_s = lane.numbers, call.ended_s
        if call.outcome == "bid":
            numbers.bids += 1
            lane.breaker.success(now_s)
        elif call.outcome == "no_bid":
            numbers.no_bids += 1
            lane.breaker.success(now_s)
        elif call.outcome == "error":
            numbers.errors += 1
            lane.breaker.failure(now_s)
        else:
            numbers.timeouts += 1
            if (call.deadline_s - call.started_s) * 1000 >= self._fair_ms or call.dsp.timeout_ms:
                lane.breaker.failure(now_s)
            else:
                lane.breaker.neutral()
