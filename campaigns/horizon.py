"""What an exchange's billing horizon costs its buyers: the part of a budget that waits for notices."""

from __future__ import annotations

DAY_S = 86_400
TYPICAL_WIN_RATE = 0.1


def locked_share(horizon_s: float, win_rate: float = TYPICAL_WIN_RATE) -> float:
    """The share of a day's budget that is on hold at any moment, from 0 to 1, when it is spent evenly.

    A budget B is spent at B / 86,400 s. Only `win_rate` of our answers are billed, so answers hold money 1 / win_rate
    times as fast, each for `horizon_s` at most: horizon_s / (86,400 s * win_rate) of B. It is an upper bound, as billing
    and loss notices end holds earlier. Raises ValueError for a win rate that is not above 0 and at most 1.
    """
    if not 0 < win_rate <= 1:
        raise ValueError("a win rate is above 0 and at most 1")
    return min(1.0, max(0.0, horizon_s) / (DAY_S * win_rate))


def locked_text(horizon_s: float) -> str:
    """The same for a person: what this horizon locks at the typical win rate."""
    return f"{100 * locked_share(horizon_s):.2g} %"
