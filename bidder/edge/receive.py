"""Stage 2: bytes to a valid request, and how long it may take.

In: the body as it came. Out: the typed request, its members as bytes, the time by which to answer.
On failure: 400 malformed, 413 too large, 415 unknown encoding; 204 with nbr 15 when tmax leaves no time.
Time: about 10 us, no I/O.
"""

from __future__ import annotations

from bidder.edge.body import BodyError, beginning_of, decode_body
from bidder.edge.deadline import work_ms
from bidder.edge.request_id import SCANNED_BYTES_MAX, request_id_of
from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.parts import RequestParts
from bidder.openrtb.request import parse
from bidder.passage import End, Passage
from rtbplatform.kernel.codes import NoBid

TOO_LITTLE_TIME = End("no_bid", 204, "tmax leaves too little time", NoBid.INSUFFICIENT_TIME)


__all__ = ["decode", "name_unread", "receive", "request_id_of"]


def name_unread(passage: Passage) -> None:
    """Sets `request_id` of a request whose body cannot be decoded, or did not come whole, from its beginning."""
    arrival = passage.arrival
    beginning = beginning_of(arrival.raw, arrival.encoding, SCANNED_BYTES_MAX)
    passage.request_id = request_id_of(beginning)


def decode(passage: Passage, bytes_max: int) -> End | None:
    """Only the body's encoding: also for requests that end before they are parsed. Sets `body`, or `request_id` on
    failure."""
    arrival = passage.arrival
    if arrival.too_large:
        name_unread(passage)
        return End("refused", 413, f"body above {bytes_max} bytes", NoBid.INVALID_REQUEST)
    try:
        passage.body = decode_body(arrival.raw, arrival.encoding, bytes_max)
    except BodyError as error:
        name_unread(passage)
        outcome = "malformed" if error.status == 400 else "refused"
        return End(outcome, error.status, error.reason, NoBid.INVALID_REQUEST)
    return None


def receive(passage: Passage, bytes_max: int, network_margin_ms: int) -> End | None:
    """None = go on; `request`, `parts` and `answer_by_s` are set then."""
    end = decode(passage, bytes_max)
    if end is not None:
        return end
    try:
        # The whole body once: msgspec checks only the strings that it reads, and unknown members are kept and sent on.
        if not passage.body.isascii():
            _check_utf8(passage.body)
        request = parse(passage.body)
        parts = RequestParts.of(passage.body)
    except MalformedRequestError as error:
        passage.request_id = request_id_of(passage.body)
        return End("malformed", 400, str(error), NoBid.INVALID_REQUEST)
    # Together: whoever has the one relies on the other.
    passage.request, passage.parts = request, parts
    passage.request_id = request.id
    if request.dropped:
        passage.degraded.append("members_dropped")
    allowed_ms = work_ms(request.tmax, network_margin_ms)
    if not allowed_ms:
        return TOO_LITTLE_TIME
    passage.answer_by_s = passage.arrival.received_s + allowed_ms / 1000
    return None


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequestError("not_utf8") from error
