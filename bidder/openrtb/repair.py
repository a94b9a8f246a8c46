"""The slow way to read a request: one bad optional member never kills an auction, it is left out.

Members that decisions rely on (money, formats, restrictions of the publisher, privacy) are not optional in this sense:
with a wrong type there the request means something else than we would read, and is refused.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.model import BidRequest, decode_request

REPAIRS_MAX = 16
LARGE_BODY_BYTES = 32 * 1024
REPAIRS_OF_LARGE_MAX = 3
"""Each repair encodes and reads the whole body again: rounds times size is what a bad body can cost us."""

_SIZES = ("w", "h")
_TIMES = ("minduration", "maxduration")
_RELIED = {
    "$", "id", "imp", "imp[]", "site", "app", "dooh", "regs", "site.id", "site.page",
    "at", "tmax", "test", "cur", "wseat", "bseat", "acat", "bcat", "badv", "bapp", "wlang", "wlangb",
    "regs.gdpr", "regs.coppa", "regs.us_privacy", "regs.gpp", "regs.gpp_sid",
    "regs.ext", "regs.ext.gdpr", "regs.ext.us_privacy", "regs.ext.gpp", "regs.ext.gpp_sid",
    "device.lmt", "device.dnt",
    *(f"imp[].{name}" for name in (
        "id", "banner", "video", "audio", "native", "pmp", "bidfloorcur", "secure", "instl", "qty", "exp")),
    *(f"imp[].banner.{name}" for name in (*_SIZES, "format", "format[]", "battr", "mimes")),
    *(f"imp[].banner.format[].{name}" for name in (*_SIZES, "wmin", "wratio", "hratio")),
    *(f"imp[].video.{name}" for name in (*_SIZES, *_TIMES, "mimes", "protocols", "battr")),
    *(f"imp[].audio.{name}" for name in (*_TIMES, "mimes", "protocols", "battr")),
    *(f"imp[].native.{name}" for name in ("request", "battr")),
    *(f"imp[].pmp.{name}" for name in ("private_auction", "deals", "deals[]")),
    *(f"imp[].pmp.deals[].{name}" for name in ("id", "bidfloorcur", "at", "wseat", "wadomain")),
}  # fmt: skip
_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def decode_repaired(body: bytes) -> BidRequest:
    """`body` less the optional members that cannot be used: at most REPAIRS_MAX, of a large body REPAIRS_OF_LARGE_MAX.
    Raises MalformedRequestError."""
    repairs_max = REPAIRS_OF_LARGE_MAX if len(body) > LARGE_BODY_BYTES else REPAIRS_MAX
    try:
        tree = json.loads(body.decode(), parse_float=Decimal, parse_constant=_refuse_constant)
        tree = _without_nulls(tree)
        dropped = 0
        for _ in range(repairs_max + 1):
            try:
                request = decode_request(_encode(tree))
            except msgspec.ValidationError as error:
                dropped += _drop(tree, str(error))
            else:
                request.dropped = dropped
                return request
    except RecursionError as error:
        raise MalformedRequestError("too_deep") from error
    except MalformedRequestError:
        raise
    except ValueError as error:
        raise MalformedRequestError("not_json") from error
    raise MalformedRequestError("too_many_bad_members")


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_nulls(value: Any) -> Any:
    """A member that is null is as good as absent."""
    if isinstance(value, dict):
        return {
            name: _without_nulls(member) for name, member in value.items() if member is not None
        }
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value


def _drop(tree: Any, message: str) -> int:
    """Remove what `message` (of msgspec) complains about; 0 when it could be read after all, else 1."""
    found = _PLACE.search(message)
    place = found.group(1) if found else ""
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(place)]
    if not steps:
        raise MalformedRequestError("wrong_type", "$")
    parent = tree
    for step in steps[:-1]:
        parent = parent[step]
    value = parent[steps[-1]]
    # JSON has one kind of number: 300.0 is an integer to whoever wrote it.
    if isinstance(value, Decimal) and "`int" in message and _is_whole(value):
        parent[steps[-1]] = int(value)
        return 0
    pattern = re.sub(r"\[\d+\]", "[]", place.removeprefix("."))
    if pattern in _RELIED or pattern.removesuffix("[]") in _RELIED:
        raise MalformedRequestError("wrong_type", place.removeprefix("."))
    del parent[steps[-1]]
    return 1


def _is_whole(value: Decimal) -> bool:
    return abs(value) < 2**53 and value == value.to_integral_value()
