"""Stage 5: bids, from our own campaigns and from the DSPs.

In: request, context, the DSPs' lanes. Out: all bids of all imps in one list, and what became of every DSP call.
On failure: whatever is missing is missing; an empty list goes to the auction like any other.
Time: until the last DSP has answered; FANOUT_MS (70), or what tmax leaves, at most. Own campaigns are matched while
the DSPs think.
"""

from __future__ import annotations

from time import perf_counter

from bidder.auction.dsp_bids import bids_of
from bidder.demand.dsp.gateway import Gateway
from bidder.edge.deadline import fanout_deadline_s
from bidder.passage import Passage
from bidder.unexpected import Unexpected


async def solicit(
    passage: Passage, gateway: Gateway, unexpected: Unexpected, fanout_ms: int, schain: bytes
) -> None:
    """Fills `bids` and `calls`. `schain`: our node of the supply chain, as JSON."""
    request, market, context = passage.request, passage.market, passage.context
    assert request is not None
    assert market is not None
    assert context is not None
    assert passage.parts is not None
    formats = {offered for imp in request.imp for offered in imp.formats}
    body = passage.parts.shared_body(ids_allowed=passage.ids_allowed, schain_node=schain)
    deadline_s = fanout_deadline_s(perf_counter(), passage.answer_by_s, fanout_ms)
    fanout = gateway.ask(formats, request.country, body, deadline_s)
    passage.calls = fanout.calls
    for imp in range(len(request.imp)):
        passage.bids += market.own.match(request, imp, context, market.participation)
    for call in await fanout.wait():
        if call.answer is None:
            continue
        try:
            passage.bids += bids_of(call.answer, call.dsp, request, market, call.latency_ms)
        except Exception as error:  # noqa: BLE001 - one DSP's answer must not cost the others the auction
            unexpected.note(f"bids of {call.dsp.slug}", error)
            call.outcome, call.cause = "error", f"internal: {type(error).__name__}"
