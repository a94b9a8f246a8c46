"""User agents: blocked substrings in one regular expression, and the families a device's os must agree with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fraud.screen.networks import in_force
from rtbplatform.kernel.snapshot import BlockView

SEEN_MAX = 20_000
CRAWLER_NBR = 3
NON_HUMAN_NBR = 4
KNOWN = (
    *((name, CRAWLER_NBR) for name in (
        "googlebot", "bingbot", "yandexbot", "baiduspider", "duckduckbot", "applebot", "ahrefsbot", "semrushbot",
        "mj12bot", "petalbot", "facebookexternalhit", "gptbot", "ccbot", "adsbot-google", "mediapartners-google")),
    *((name, NON_HUMAN_NBR) for name in (
        "headlesschrome", "phantomjs", "slimerjs", "selenium", "puppeteer", "playwright", "python-requests",
        "python-urllib", "aiohttp/", "go-http-client", "curl/", "wget/", "libwww-perl", "scrapy", "java/1.")),
)  # fmt: skip
"""Agents that say themselves that nobody is looking, and the no-bid reason for each."""


class Agents:
    """Finds the block that a user agent falls under. What was seen is remembered: agents repeat."""

    __slots__ = ("_expiring", "_lasting", "_pattern", "_seen")

    def __init__(self, blocks: Iterable[BlockView]) -> None:
        known = [BlockView("user_agent", name, nbr, "known bot") for name, nbr in KNOWN]
        usable = [*known, *(block for block in blocks if block.value)]
        self._lasting = {block.value.lower(): block for block in usable if not block.expires_ms}
        self._expiring = [(block.value.lower(), block) for block in usable if block.expires_ms]
        # Longest first, so that the most specific rule is the one named.
        names = sorted(self._lasting, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, names)))
        self._seen: dict[str, tuple[BlockView | None, str]] = {}

    def find(self, agent: str, now_ms: int) -> BlockView | None:
        """A block in force, or None."""
        block, lowered = self._seen.get(agent) or self._look(agent)
        if block is not None:
            return block
        for value, expiring in self._expiring:
            if value in lowered and in_force(expiring, now_ms):
                return expiring
        return None

    def _look(self, agent: str) -> tuple[BlockView | None, str]:
        lowered = agent.lower()
        found = self._pattern.search(lowered)
        seen = (self._lasting[found.group()] if found else None, lowered)
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen[agent] = seen
        return seen


def contradicts(agent: str, os: str) -> bool:
    """Whether a device claims one mobile system and its agent the other."""
    claimed = os.lower()
    if claimed == "ios":
        return "Android" in agent
    return claimed == "android" and ("iPhone" in agent or "iPad" in agent)
