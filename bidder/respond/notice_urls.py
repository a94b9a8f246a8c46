"""Our own notice URLs, one signed token per winner; the exchange fills in its macros."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bidder.auction.bid import ImpAuction
from rtbplatform.kernel.notice import NoticeToken, make_token
from rtbplatform.kernel.snapshot import ExchangeView
from rtbplatform.kernel.stream import DebitLine


class NoticeUrls(msgspec.Struct):
    win: str = ""
    billing: str = ""
    loss: str = ""


def notice_urls(
    base_url: str,
    key: bytes,
    request_id: str,
    exchange: ExchangeView,
    auction: ImpAuction,
    debit_id: bytes,
    lines: Sequence[DebitLine],
    expires_ms: int,
) -> NoticeUrls:
    """Empty when nothing was debited for the imp (a test request). A debit may span leases: the token names the first
    and the whole amount."""
    own = [line for line in lines if line.imp == auction.imp]
    if not own:
        return NoticeUrls()
    first = own[0]
    token = make_token(
        key,
        NoticeToken(
            debit_id,
            request_id,
            exchange.id,
            auction.imp,
            first.advertiser,
            first.campaign,
            first.day,
            first.lease,
            sum(line.amount_micros for line in own),
            expires_ms,
        ),
    )
    base = base_url.rstrip("/") + "/n/"
    price = "p=${AUCTION_PRICE}"
    return NoticeUrls(
        f"{base}win?t={token}&{price}",
        f"{base}billing?t={token}&{price}",
        f"{base}loss?t={token}&{price}&l=${{AUCTION_LOSS}}",
    )
