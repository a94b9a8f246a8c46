"""Bid requests for load, as made by `rtbplatform.local.traffic`: each as it is, or a stock of them with fresh ids."""

from __future__ import annotations

from collections.abc import Callable

from rtbplatform.local.traffic import KINDS, Kind, Traffic

Made = tuple[str, str, bytes]
"""(kind, request id, body)"""
Source = Callable[[int], Made]

STOCK = 3000


def exact(seed: str, count: int, kinds: tuple[Kind, ...] = KINDS) -> Source:
    """`count` requests made beforehand, kinds in turn, each its own person's (of 200,000)."""
    traffic = Traffic(seed)
    made = [traffic.make(number, kinds[number % len(kinds)]) for number in range(count)]
    return lambda number: (made[number].kind, made[number].id, made[number].body)


def stocked(seed: str, tag: str, kinds: tuple[Kind, ...] = KINDS) -> Source:
    """Endless and cheap: the same bodies again and again under ids of their own, which start with `tag`.

    A person comes back every STOCK requests, so that velocity rules must be off or wide.
    """
    make = exact(seed, STOCK, kinds)
    stock = []
    for number in range(STOCK):
        kind, request_id, body = make(number)
        before, _, after = body.partition(request_id.encode())
        stock.append((kind, before, after))

    def again(number: int) -> Made:
        kind, before, after = stock[number % STOCK]
        request_id = f"{tag}-{number:010d}"
        return kind, request_id, b"%b%b%b" % (before, request_id.encode(), after)

    return again
