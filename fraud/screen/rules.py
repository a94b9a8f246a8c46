"""Stage 4, tier 1: rules that need no model and no I/O.

In: the facts of a request; counts from Redis. Out: None when clean, else what was found. On failure: facts that cannot
be read match nothing. Time: 2-4 us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from fraud.screen.agents import Agents, contradicts
from fraud.screen.networks import Networks, in_force, is_public
from fraud.screen.traffic import Traffic
from rtbplatform.kernel.events import FraudVerdict
from rtbplatform.kernel.snapshot import BlockView

NON_HUMAN_NBR = 4
INCOMPLETE_SCHAIN_NBR = 16
VELOCITY_NBR = 508
SIDE_PIXELS_MAX = 32_768
NETWORK_KINDS = ("ip", "datacenter")
EXACT_KINDS = ("domain", "bundle", "publisher", "user")


class Screening(msgspec.Struct, frozen=True):
    """What the rules found: a verdict that is not clean, and the nbr to answer when it is blocked (else -1)."""

    verdict: FraudVerdict
    nbr: int = -1

    @property
    def blocked(self) -> bool:
        return self.verdict.verdict == "blocked"


def _blocked(rule: str, nbr: int) -> Screening:
    return Screening(FraudVerdict("blocked", 1.0, [rule]), nbr)


class Screen:
    """Block lists and limits, compiled once per snapshot."""

    __slots__ = ("_agents", "_exact", "_limits", "_networks")

    def __init__(self, blocks: Sequence[BlockView], limits: Mapping[str, int]) -> None:
        self._networks = Networks(block for block in blocks if block.kind in NETWORK_KINDS)
        self._agents = Agents(block for block in blocks if block.kind == "user_agent")
        self._exact: dict[str, dict[str, BlockView]] = {kind: {} for kind in EXACT_KINDS}
        for block in blocks:
            if block.kind in self._exact:
                self._exact[block.kind][_folded(block.kind, block.value)] = block
        self._limits = dict(limits)

    @classmethod
    def compile(cls, blocks: Sequence[BlockView], limits: Mapping[str, int]) -> Screen:
        """`limits`: requests a minute per kind (ip, user, device)."""
        return cls(blocks, limits)

    def before_enrich(self, traffic: Traffic, now_ms: int) -> Screening | None:
        """Block lists first, then what is merely odd (flagged). None = clean."""
        if traffic.schain_gap:
            return _blocked("incomplete_schain", INCOMPLETE_SCHAIN_NBR)
        block = self._find(traffic, now_ms)
        if block is not None:
            return _blocked(f"{block.kind}:{block.value}", block.nbr)
        oddities = _oddities(traffic)
        return Screening(FraudVerdict("flagged", 0.5, oddities)) if oddities else None

    def after_enrich(self, counts: Mapping[str, int]) -> Screening | None:
        """`counts`: requests seen this minute per kind, this one included. None = clean."""
        for kind, limit in self._limits.items():
            if counts.get(kind, 0) > limit:
                return _blocked(f"velocity:{kind}", VELOCITY_NBR)
        return None

    def _find(self, traffic: Traffic, now_ms: int) -> BlockView | None:
        for address in (traffic.ip, traffic.ipv6):
            if address and (block := self._networks.find(address, now_ms)) is not None:
                return block
        if traffic.user_agent:
            block = self._agents.find(traffic.user_agent, now_ms)
            if block is not None:
                return block
        exact = self._exact
        for kind, value in (
            ("bundle", traffic.bundle),
            ("publisher", traffic.publisher),
            ("user", traffic.user),
        ):
            if value and exact[kind]:
                block = exact[kind].get(_folded(kind, value))
                if block is not None and in_force(block, now_ms):
                    return block
        return self._find_domain(traffic.domain, now_ms)

    def _find_domain(self, domain: str, now_ms: int) -> BlockView | None:
        """A blocked domain blocks those below it."""
        domains = self._exact["domain"]
        rest = domain.lower() if domains else ""
        while rest:
            block = domains.get(rest)
            if block is not None and in_force(block, now_ms):
                return block
            rest = rest.partition(".")[2]
        return None


def _folded(kind: str, value: str) -> str:
    """Publisher ids are the exchange's and keep their case."""
    return value if kind == "publisher" else value.lower()


def _oddities(traffic: Traffic) -> list[str]:
    """What no honest device says; too weak alone to turn a request away."""
    odd: list[str] = []
    if not traffic.user_agent:
        odd.append("no_user_agent")
    elif contradicts(traffic.user_agent, traffic.os):
        odd.append("os_contradicts_agent")
    if traffic.lat is not None and not -90 <= traffic.lat <= 90:
        odd.append("impossible_latitude")
    if traffic.lon is not None and not -180 <= traffic.lon <= 180:
        odd.append("impossible_longitude")
    if traffic.width > SIDE_PIXELS_MAX or traffic.height > SIDE_PIXELS_MAX:
        odd.append("impossible_screen")
    if traffic.ip and not is_public(traffic.ip):
        odd.append("unroutable_address")
    return odd
