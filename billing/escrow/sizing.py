"""How large a lease is (budget-protocol, "Sizing")."""

from __future__ import annotations

BIDS_MIN = 20


def lease_size(free: int, want: int, min_amount: int, holders: int) -> int:
    """Micros to lease: ``min(hi, max(lo, want))``; 0 = not even one bid is left.

    `free` is what the region could lease now, `want` 1.25 * rate * term as the banker saw it, `min_amount` one bid,
    `holders` the bankers that compete for it. lo = 20 bids; hi = free / (2 * holders) leaves each of them a share, and
    wins. A lease below one bid is of no use: where there is less than one bid per holder, one holder gets the rest.
    """
    bid, holders = max(1, min_amount), max(1, holders)
    if free < bid:
        return 0
    if free < bid * holders or free < 2 * bid:
        return free
    high = free // (2 * holders)
    return max(bid, min(high, max(BIDS_MIN * bid, want)))
