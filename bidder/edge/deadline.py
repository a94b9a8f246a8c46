"""How long a request may take: the exchange's tmax less the way back, and ours where it names none."""

from __future__ import annotations

TMAX_DEFAULT_MS = 120
"""Of an exchange that names none: what IAB's implementation notes call usual."""
TMAX_MAX_MS = 1_000
"""Longer promises are cut: an auction that takes longer is of no use to anyone."""
WORK_MIN_MS = 10
"""Below this nothing useful can be done: no DSP answers and the debit's commit alone takes some ms."""
AFTER_FANOUT_MS = 12
"""Kept of the time for what follows the fan-out: auction, the debit's commit, the answer."""


def work_ms(tmax_ms: int, network_margin_ms: int) -> int:
    """Milliseconds from receipt until the answer must be written; 0 = too little to start (nbr 15).

    `tmax_ms` is OpenRTB's BidRequest.tmax ("maximum time in milliseconds the exchange allows for bids to be received
    including Internet latency"); 0 = absent.
    """
    tmax_ms = min(tmax_ms, TMAX_MAX_MS) if tmax_ms > 0 else TMAX_DEFAULT_MS
    left_ms = tmax_ms - network_margin_ms
    return left_ms if left_ms >= WORK_MIN_MS else 0


def fanout_deadline_s(now_s: float, answer_by_s: float, fanout_ms: int) -> float:
    """When the fan-out ends: its own limit, or earlier so that the rest still fits."""
    return min(now_s + fanout_ms / 1000, answer_by_s - AFTER_FANOUT_MS / 1000)
