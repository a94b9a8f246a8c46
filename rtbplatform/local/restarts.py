"""When a process that died starts again, and when the run gives up: a decision over values, without a clock."""

from __future__ import annotations

from msgspec import Struct

FIRST_DELAY_S = 0.1
DELAY_MAX_S = 5.0
HEALTHY_AFTER_S = 10.0
DEATHS_MAX = 5
DEATHS_WINDOW_S = 30.0


class Restarts(Struct):
    """One process's record: 100 ms doubling to 5 s, forgotten after 10 s of life."""

    delay_max_s: float = DELAY_MAX_S
    delay_s: float = FIRST_DELAY_S
    deaths: list[float] = []

    def died(self, started_at_s: float, now_s: float) -> float:
        """Records a death; seconds to wait before the next start."""
        if now_s - started_at_s >= HEALTHY_AFTER_S:
            self.delay_s = FIRST_DELAY_S
        delay_s = min(self.delay_s, self.delay_max_s)
        self.delay_s = min(self.delay_s * 2, self.delay_max_s)
        self.deaths = [at for at in self.deaths if now_s - at < DEATHS_WINDOW_S] + [now_s]
        return delay_s

    def hopeless(self) -> bool:
        """Five deaths within 30 s: before the platform is ready this ends the run."""
        return len(self.deaths) >= DEATHS_MAX
