"""Stage 7, reserve: campaigns that matched and have nothing to spend here, told to the banker now and then.

In: campaigns with the price of one bid. Out: `ipc.Wanted`, at once and then at most every WANT_EVERY_S.
On failure: forgotten when the banker is lost: the next match wants again.
Time: none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rtbplatform.kernel import ipc

WANT_EVERY_S = 0.1


class Wanted:
    """What is wanted since the last time that it was told."""

    def __init__(self, tell: Callable[[ipc.Wanted], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._campaigns: dict[int, tuple[int, int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, advertiser: int, campaign: int, bid_micros: int) -> None:
        self._campaigns[campaign] = (advertiser, campaign, bid_micros)
        if self._timer is None:
            self._again()

    def clear(self) -> None:
        self._campaigns.clear()

    def _again(self) -> None:
        self._timer = None
        if self._campaigns:
            self._tell(ipc.Wanted(list(self._campaigns.values())))
            self._campaigns.clear()
            self._timer = self._loop.call_later(WANT_EVERY_S, self._again)
