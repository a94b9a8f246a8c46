"""Which protocol steps ran under which faults.

A cell (fault x step) counts how often a protocol step ran while that fault was in effect, or within WINDOW_MS after it
struck, on what it had struck: steps of the struck region's components for a fault of one region, machine or mailbox;
any step for a fault of what all share (Postgres, budgets, days). Steps of what all share count for every fault.
"""

from __future__ import annotations

from collections import Counter

WINDOW_MS = 30_000
CELL_MIN = 20
"""What 20,000 seeds should reach in every cell."""
STEPS = (
    *("register", "request", "grant", "repeat", "refuse", "accept", "tombstone", "seal"),
    *("debit", "commit", "acknowledge", "answer", "outcome", "notice", "mark"),
    *("ship", "settle", "duplicate", "cursor", "recall", "inquire", "fence", "recover"),
    *("hold", "capture", "release", "park", "census", "gate", "rebalance", "edit", "rollover"),
    *("adopt", "quarantine", "reconcile"),
)


class Coverage:
    """Counts of one seed; added up over seeds."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[str, str]] = Counter()
        self.steps: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._active: list[tuple[int, str, str | None]] = []
        self._until_ms = 0
        """When the first of them is over."""

    @property
    def is_watching(self) -> bool:
        """Whether anything has struck yet."""
        return bool(self._active)

    def strikes(self, fault: str, region: str | None, now_ms: int, for_ms: int) -> None:
        self.faults[fault] += 1
        self._active.append((now_ms + max(for_ms, WINDOW_MS), fault, region))
        self._until_ms = min(one[0] for one in self._active)

    def ran(self, step: str, region: str | None, now_ms: int, times: int = 1) -> None:
        """A protocol step ran."""
        if not step:
            return
        self.steps[step] += times
        active = self._active
        if not active:
            return
        if now_ms > self._until_ms:
            self._active = active = [one for one in active if one[0] >= now_ms]
            self._until_ms = min((one[0] for one in active), default=0)
        for _, fault, struck in active:
            if struck is None or region is None or struck == region:
                self.cells[fault, step] += times

    def add(self, other: Coverage) -> None:
        self.cells.update(other.cells)
        self.steps.update(other.steps)
        self.faults.update(other.faults)
