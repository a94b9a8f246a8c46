"""How many bankers compete for a campaign: those that asked for it within the last lease term."""

from __future__ import annotations

from collections.abc import Iterable

CAMPAIGNS_MAX = 100_000


class Holders:
    """Remembered in memory: after a restart shares are larger for one term, which costs nothing but evenness."""

    def __init__(self, term_ms: int) -> None:
        self._term_ms = term_ms
        self._asked: dict[int, dict[bytes, int]] = {}

    def ask(self, campaign: int, incarnation: bytes, now_ms: int) -> None:
        if campaign not in self._asked and len(self._asked) >= CAMPAIGNS_MAX:
            self._asked.clear()
        self._asked.setdefault(campaign, {})[incarnation] = now_ms

    def counts(self, campaigns: Iterable[int], now_ms: int) -> dict[int, int]:
        """At least 1 per campaign."""
        return {campaign: self._count(campaign, now_ms) for campaign in campaigns}

    def _count(self, campaign: int, now_ms: int) -> int:
        asked = self._asked.get(campaign, {})
        for incarnation in [one for one, at in asked.items() if at <= now_ms - self._term_ms]:
            del asked[incarnation]
        return max(1, len(asked))
