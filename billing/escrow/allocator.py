"""Decisions of a region's allocator: which lease a request gets, and how unleased money is spread over regions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from billing.escrow import coordinator
from billing.escrow.sizing import lease_size
from billing.escrow.values import Book

DEMAND_HALFLIFE_MS = 60_000
KEEP_TERMS = 2
"""A region keeps as much unleased money as it asks for in two lease terms; the rest is for all regions."""
TOLERANCE = 10
"""Differences below a tenth of the target stay where they are."""


class Ask(Struct, frozen=True):
    """A lease request, as the allocator sees it. Micros."""

    min_amount: int
    want: int
    holders: int
    share: float = 1.0
    """The region's part (0..1] of what is not allocated to any region yet."""
    need: int | None = None
    """What pacing plans to spend within a lease term; None = as much as it can."""


class Granted(Struct, frozen=True):
    book: Book
    unleased: int
    amount: int


class Refused(Struct, frozen=True):
    reason: str


class Demand(Struct, frozen=True):
    """A moving average of what is asked for, in micros per second as of `at_ms`."""

    micros_s: float = 0.0
    at_ms: int = 0

    def now(self, now_ms: int, halflife_ms: int) -> float:
        return float(self.micros_s * 0.5 ** (max(0, now_ms - self.at_ms) / halflife_ms))

    def asked(self, amount: int, now_ms: int, halflife_ms: int) -> Demand:
        rate = self.now(now_ms, halflife_ms) + amount * math.log(2) * 1000 / halflife_ms
        return Demand(rate, now_ms)


def grant(ask: Ask, book: Book, unleased: int) -> Granted | Refused:
    """The lease for a request: out of the region's row, filled up from the campaign-day where it is short."""
    if not book.day.is_running:
        return Refused("not_running")
    if book.must_return:
        return Refused("exhausted")
    reachable = math.ceil(book.headroom * ask.share)
    if unleased + reachable < ask.min_amount:
        # The share of others does not strand what is too small to be shared.
        reachable = book.headroom
    free = unleased + reachable
    amount = lease_size(free, ask.want, ask.min_amount, ask.holders, ask.need)
    if not amount:
        return Refused("exhausted")
    missing = max(0, amount - unleased)
    book = coordinator.allocate(book, missing)
    day = coordinator.lease_out(book.day, amount)
    return Granted(replace(book, day=day), unleased + missing - amount, amount)


def spread(
    book: Book,
    unleased: Mapping[str, int],
    demand_micros_s: Mapping[str, float],
    term_ms: int,
    *,
    may_allocate: bool = True,
) -> tuple[Book, dict[str, int]]:
    """Each region's unleased money after a rebalancing: what it asks for in two terms, less where it does not suffice.

    What must return (paused, cut, day over) returns whole. During a census money comes back, and none goes out.
    """
    targets = _targets(book, unleased, demand_micros_s, term_ms)
    after = dict(unleased)
    for region in sorted(after):  # give back first: then there is something to hand out
        surplus = after[region] - targets[region]
        if surplus > 0 and (surplus * TOLERANCE > targets[region] or book.must_return):
            book = coordinator.release(book, surplus)
            after[region] -= surplus
    for region in sorted(after) if may_allocate else ():
        missing = min(targets[region] - after[region], book.headroom)
        if missing > 0 and missing * TOLERANCE > targets[region]:
            book = coordinator.allocate(book, missing)
            after[region] += missing
    return book, after


def _targets(
    book: Book, unleased: Mapping[str, int], demand_micros_s: Mapping[str, float], term_ms: int
) -> dict[str, int]:
    if book.must_return:
        return dict.fromkeys(unleased, 0)
    wanted = {
        region: int(demand_micros_s.get(region, 0) * KEEP_TERMS * term_ms / 1000)
        for region in unleased
    }
    pool, wish = book.headroom + sum(unleased.values()), sum(wanted.values())
    if wish <= pool:
        return wanted
    return {region: pool * amount // wish for region, amount in wanted.items()}
