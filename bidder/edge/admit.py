"""Stage 1: may this request come in at all.

In: the exchange's name and key, the load. Out: the exchange, or how the request ends.
On failure: 401 unknown, inactive or wrong key; 429 over its quota; 204 shed when too much is in flight.
Time: below 0.1 ms, no I/O.
"""

from __future__ import annotations

import math

from bidder.edge.quotas import Quotas
from bidder.market import Market
from bidder.passage import End, Passage
from rtbplatform.kernel.codes import NoBid
from rtbplatform.kernel.keys import exchange_key_hash
from rtbplatform.kernel.snapshot import ExchangeView

UNKNOWN = End("refused", 401, "unknown exchange or key")
"""One answer for both: which exchanges exist is nobody's business."""
SHED = End("shed", 204, "overload: too many auctions in flight", NoBid.OVERLOAD)
NO_SNAPSHOT = End("no_bid", 204, "no snapshot yet", NoBid.NO_SNAPSHOT)
KILLED = End("no_bid", 204, "the platform is switched off", NoBid.KILLED)


def admit(
    passage: Passage, market: Market | None, quotas: Quotas, in_flight: int, in_flight_max: int
) -> End | None:
    """None = come in; `passage.exchange` is set then."""
    if market is None:
        return NO_SNAPSHOT
    passage.market = market
    arrival = passage.arrival
    exchange = market.exchanges.get(arrival.exchange)
    if exchange is None or not exchange.active or not arrival.key:
        return UNKNOWN
    if exchange.header_key_only and not arrival.key_in_header:
        return UNKNOWN
    if not _knows_key(market, exchange, arrival.key):
        return UNKNOWN
    passage.exchange = exchange
    if not quotas.take(exchange.slug, exchange.qps_max, arrival.received_s):
        wait_s = max(1, math.ceil(quotas.wait_s(exchange.slug)))
        return End("refused", 429, f"over {exchange.qps_max} QPS", retry_after_s=wait_s)
    if in_flight > in_flight_max:
        return SHED
    return KILLED if market.killed else None


def _knows_key(market: Market, exchange: ExchangeView, key: str) -> bool:
    try:
        return market.admits(exchange, exchange_key_hash(key))
    except UnicodeEncodeError:
        # aiohttp reads header bytes that are no UTF-8 as lone surrogates: none of our keys has any.
        return False
