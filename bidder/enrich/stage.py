"""Stage 3: who is this, as far as we may know, and what do we know of them.

In: a valid request. Out: consent, the user's keyed hash, and the context that all bids are judged in.
On failure: without Redis, context is what a stranger's would be, and campaigns with frequency caps sit out.
Time: ENRICH_MS (5) at most; nothing waits when there is nothing to ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import perf_counter

from bidder.demand.context import BidContext
from bidder.enrich.consent import ids_allowed
from bidder.enrich.enricher import Enricher
from bidder.enrich.people import address_of, identifier_of
from bidder.passage import Passage
from rtbplatform.kernel.subject import subject_hash


def identify(passage: Passage, subject_key: bytes) -> None:
    """The consent gate: whatever needs to know the user comes after it."""
    assert passage.request is not None
    assert passage.exchange is not None
    passage.ids_allowed = ids_allowed(passage.request)
    if passage.ids_allowed:
        identifier = identifier_of(passage.request, passage.exchange.slug)
        if identifier:
            passage.user = subject_hash(subject_key, identifier).hex()


async def look_up(
    passage: Passage,
    enricher: Enricher,
    fundable: Mapping[int, int],
    subject_key: bytes,
    enrich_ms: int,
) -> Mapping[str, int]:
    """Requests seen this minute per limited kind, this one included; `passage.context` is set."""
    request, exchange, market = passage.request, passage.exchange, passage.market
    assert request is not None
    assert exchange is not None
    assert market is not None
    now_ms = passage.arrival.at_ms
    context = BidContext(now_ms=now_ms, exchange=exchange.id, fundable=fundable)
    passage.context = context
    caps = market.own.capped_campaigns(request, context) if passage.user else []
    found = await enricher.enrich(
        passage.user,
        caps,
        _velocity_of(passage, market.velocity_kinds, subject_key),
        now_ms,
        perf_counter() + enrich_ms / 1000,
    )
    if found.profile is not None:
        context.segments = found.profile.segments
    context.cap_counts = found.cap_counts
    if found.degraded:
        passage.degraded.append("enrich")
    return found.velocity


def _velocity_of(passage: Passage, kinds: Collection[str], subject_key: bytes) -> dict[str, str]:
    """The hashed value per limited kind. An address is counted with or without consent: it recognises nobody here."""
    values: dict[str, str] = {}
    assert passage.request is not None
    if "user" in kinds and passage.user:
        values["user"] = passage.user
    address = address_of(passage.request)
    if "ip" in kinds and address:
        values["ip"] = subject_hash(subject_key, address).hex()
    device = passage.request.device
    if "device" in kinds and device is not None and (device.ua or address):
        values["device"] = subject_hash(subject_key, f"{address} {device.ua}").hex()
    return values
