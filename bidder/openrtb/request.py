"""Stage 2: bytes of an exchange to a typed, valid bid request.

In: the body, decompressed. Out: `BidRequest` with its derived members. On failure: MalformedRequestError, answered 400;
a bad optional member is left out and counted instead. Time: about 10 us.
"""

from __future__ import annotations

import msgspec

from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.model import BidRequest, decode_request
from bidder.openrtb.repair import decode_repaired
from bidder.openrtb.validate import validate

__all__ = ["BidRequest", "MalformedRequestError", "parse"]


def parse(body: bytes) -> BidRequest:
    """Raises MalformedRequestError. `BidRequest.dropped` counts optional members left out as unusable."""
    try:
        request = decode_request(body)
        request.dropped = 0
    except msgspec.ValidationError:
        request = decode_repaired(body)
    except RecursionError as error:
        raise MalformedRequestError("too_deep") from error
    except UnicodeDecodeError as error:
        raise MalformedRequestError("not_utf8") from error
    except msgspec.DecodeError as error:
        raise MalformedRequestError("not_json") from error
    validate(request)
    return request
