"""The token in our notice URLs: which answer it is about, signed, so that none can be forged or altered."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from rtbplatform.kernel.keys import MAC_BYTES, mac

NOTICE_PURPOSE = "notice-url"
KINDS = ("win", "billing", "loss")


class NoticeError(ValueError):
    """A notice token that we did not make, or that was altered."""


class NoticeToken(msgspec.Struct, array_like=True, frozen=True):
    """Names the debit, its campaign-day and amount: enough to settle the notice even without its auction."""

    debit_id: bytes
    request_id: str
    exchange: int
    imp: int
    advertiser: int
    campaign: int
    day: int
    lease: bytes
    amount_micros: int
    expires_ms: int
    hold_ms: int = 0
    """0: the answer was the sale, and notices are for the record only."""
    micros_per_price: str = ""
    """Exact: what one unit of price (CPM, as answered) costs in micros of the campaign's currency."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(NoticeToken).decode


def make_token(key: bytes, token: NoticeToken) -> str:
    """URL-safe text. `key` is ``derive(secret, NOTICE_PURPOSE)``; serves all kinds of notice of that answer."""
    body = _encode(token)
    return urlsafe_b64encode(mac(key, body) + body).rstrip(b"=").decode()


def read_token(key: bytes, text: str) -> NoticeToken:
    """Raises NoticeError. Does not look at the expiry: a late notice is recorded as late, not thrown away."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        body = raw[MAC_BYTES:]
        if not hmac.compare_digest(raw[:MAC_BYTES], mac(key, body)):
            raise NoticeError("the signature does not match")
        return _decode(body)
    except (ValueError, msgspec.MsgspecError) as error:
        raise NoticeError(str(error)) from error
