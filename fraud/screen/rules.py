"""Stage 4, tier 1: rules that need no model and no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from fraud.screen.traffic import Traffic
from rtbplatform.kernel.events import FraudVerdict
from rtbplatform.kernel.snapshot import BlockView


class Screening(msgspec.Struct, frozen=True):
    """What the rules found: a verdict that is not clean, and the nbr to answer when it is blocked."""

    verdict: FraudVerdict
    nbr: int

    @property
    def blocked(self) -> bool:
        return self.verdict.verdict == "blocked"


class Screen:
    @classmethod
    def compile(cls, blocks: Sequence[BlockView], limits: Mapping[str, int]) -> Screen:
        """`limits`: requests a minute per kind (ip, user, device)."""
        raise NotImplementedError

    def before_enrich(self, traffic: Traffic, now_ms: int) -> Screening | None:
        """None = clean."""
        raise NotImplementedError

    def after_enrich(self, counts: Mapping[str, int]) -> Screening | None:
        """`counts`: requests seen this minute per kind, this one included. None = clean."""
        raise NotImplementedError
