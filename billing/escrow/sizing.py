"""How large a lease is (budget-protocol, "Sizing")."""

from __future__ import annotations

BIDS_MIN = 20
NEED_FACTOR = 2.0
"""A lease may hold so many times what pacing needs in a term: traffic comes unevenly, and money comes back slowly."""


def lease_size(free: int, want: int, min_amount: int, holders: int, need: int | None = None) -> int:
    """Micros to lease: ``min(hi, max(lo, want))``; 0 = not even one bid is left.

    `free` is what the region could lease now, `want` 1.25 * rate * term as the banker saw it, `min_amount` one bid,
    `holders` the bankers that compete for it. lo = 20 bids; hi = free / (2 * holders) leaves each of them a share, and
    wins. A lease below one bid is of no use: where there is less than one bid per holder, one holder gets the rest.

    `need` is what pacing plans to spend within a lease term from now, over all holders; None = as much as it can. More
    than twice a holder's part of it would lie idle, and be missing where the traffic is when the day or the budget
    ends. One bid is always granted: needs are small at night, and a bid is worth the same then.
    """
    bid, holders = max(1, min_amount), max(1, holders)
    if free < bid:
        return 0
    if free < bid * holders or free < 2 * bid:
        return free if need is None else min(free, max(bid, _most(need, holders)))
    high = free // (2 * holders)
    if need is not None:
        high = min(high, _most(need, holders))
    return max(bid, min(high, max(BIDS_MIN * bid, want)))


def _most(need: int, holders: int) -> int:
    return int(NEED_FACTOR * max(0, need)) // holders
