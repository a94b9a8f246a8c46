"""Substitution macros in markup and notice URLs (OpenRTB 2.6, section 4.4; :B64 is 4.4's encoding example).

Only AUCTION_ macros are ours; any other ``${...}`` is the markup's own script and stays. Unknown ones become empty.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

from bidder.auction.bid import Bid, Winner
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.money import MICROS, format_micros

# Also as it stands inside another URL's parameter.
_MACRO = re.compile(r"(?:\$\{|%24%7B)AUCTION_([A-Z0-9_]+)(?::([A-Za-z0-9]+))?(?:\}|%7D)")


def replace(text: str, values: Mapping[str, str]) -> str:
    """`values`: macro names without AUCTION_."""
    if "AUCTION_" not in text:
        return text
    return _MACRO.sub(lambda macro: _value(macro, values), text)


def replace_in_url(url: str, values: Mapping[str, str]) -> str:
    """For URLs that we call ourselves: what is filled in cannot break the URL."""
    if "AUCTION_" not in url:
        return url
    return _MACRO.sub(lambda macro: quote(_value(macro, values), safe=""), url)


def _value(macro: re.Match[str], values: Mapping[str, str]) -> str:
    name, encoding = macro.groups()
    value = values.get(name, "")
    if encoding is None:
        return value
    return b64encode(value.encode()).decode() if encoding == "B64" else ""


def winner_values(request: BidRequest, imp: int, winner: Winner, now_ms: int) -> dict[str, str]:
    """Prices are in the bid's own currency: what its DSP understands."""
    bid = winner.bid
    paid, offered = winner.bid_price_cpm_micros, bid.price_cpm_micros
    return {
        **_common(request, imp, bid, now_ms),
        "PRICE": format_micros(paid),
        "MBR": format_micros(paid * MICROS // offered) if offered else "",
        "LOSS": "0",
        "MIN_TO_WIN": format_micros(winner.bid_min_to_win_cpm_micros),
    }


def loser_values(
    request: BidRequest, bid: Bid, min_to_win_cpm_micros: int, now_ms: int
) -> dict[str, str]:
    """The price of a loser's auction is told as MIN_TO_WIN (in its own currency; 0 = not known), not as PRICE."""
    known = min_to_win_cpm_micros > 0
    return {
        **_common(request, bid.imp, bid, now_ms),
        "LOSS": str(bid.loss),
        "MIN_TO_WIN": format_micros(min_to_win_cpm_micros) if known else "",
    }


def _common(request: BidRequest, imp: int, bid: Bid, now_ms: int) -> dict[str, str]:
    offered = request.imp[imp] if imp >= 0 else None
    multiplier = offered.multiplier if offered else None
    return {
        "ID": request.id,
        "BID_ID": bid.bidid,
        "IMP_ID": offered.id if offered else "",
        "SEAT_ID": bid.seat,
        "AD_ID": bid.raw.adid if bid.raw else bid.crid,
        "CURRENCY": bid.currency,
        "MULTIPLIER": str(multiplier) if multiplier is not None else "1",
        "IMP_TS": str(now_ms),
    }
