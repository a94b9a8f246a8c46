"""Which fault happens when: decided by the seed alone, before the run."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

REGIONS = ("r1", "r2", "r3")
LEASE_TERM_S = 3.0
"""30 s at PROTOCOL_TIME_DIVISOR=10."""
GLOBAL = ("worker", "beat", "web", "postgres")
OF_REGION = ("bidder", "banker", "treasury", "proxy", "redis")
KINDS = (
    *(f"kill {process}" for process in (*OF_REGION, *GLOBAL)),
    *(f"stop {process}" for process in (*OF_REGION, *GLOBAL)),
    *("empty redis", "restore redis", "restore postgres", "fill outbox", "delete outbox"),
    *("double and shuffle mail", "cut budget", "raise budget", "pause campaign"),
)
ALL = (*KINDS, "cut budget", "raise budget", "pause campaign", "kill banker", "stop proxy")
"""Some of them more often than others."""
STOP_S = (2.2, 5.0)
"""In lease terms."""


class Planned(msgspec.Struct, frozen=True):
    """A fault to come."""

    kind: str
    target: str
    """A process, a region, or what the kind says."""
    at_s: float
    lasts_s: float


def make(seed: int, seconds: float, *, kinds: Sequence[str], every_s: float) -> list[Planned]:
    """Every kind once per round, in an order of its own; rounds until the time is over.

    The faults end by themselves before `seconds`.
    """
    rng = random.Random(f"faults/{seed}")
    last_s = seconds - STOP_S[1] * LEASE_TERM_S
    bag: list[str] = []
    faults: list[Planned] = []
    # A short run has every kind once, however little time there is.
    every_s = min(every_s, last_s / (len(kinds) + 1))
    for number in range(1, int(last_s / every_s)):
        bag = bag or rng.sample(kinds, len(kinds))
        kind = bag.pop()
        at_s = every_s * (number + rng.uniform(-0.4, 0.4))
        lasts_s = LEASE_TERM_S * rng.uniform(*STOP_S)
        faults.append(Planned(kind, _target(rng, kind), round(at_s, 2), round(lasts_s, 2)))
    return faults


def _target(rng: random.Random, kind: str) -> str:
    process = kind.rpartition(" ")[2]
    region = rng.choice(REGIONS)
    if process == "bidder":
        return f"bidder-{region}-{rng.randrange(2)}"
    if kind.startswith(("kill", "stop")) and process in OF_REGION:
        return f"{process}-{region}"
    if process in {"outbox", "redis", "mail"}:
        return region
    return process
