"""Our own notice URLs, one signed token per winner; the exchange fills in its macros."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

import msgspec

from bidder.auction.bid import ImpAuction
from bidder.reserve.holds import hold_ms
from rtbplatform.kernel.money import EXACT, IMPRESSIONS_PER_MILLE, MICROS
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
    multiplier: Decimal | None = None,
) -> NoticeUrls:
    """`multiplier` is the imp's `qty.multiplier`. Empty when nothing was debited for the imp (a test request). A debit may span leases: the token names the first
    and the whole amount."""
    own = [line for line in lines if line.imp == auction.imp]
    if not own:
        return NoticeUrls()
    first, held_ms = own[0], hold_ms(exchange)
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
            held_ms,
            _micros_per_price(auction, multiplier) if held_ms else "",
        ),
    )
    base = base_url.rstrip("/") + "/n/"
    price = "p=${AUCTION_PRICE}"
    return NoticeUrls(
        f"{base}win?t={token}&{price}",
        f"{base}billing?t={token}&{price}",
        f"{base}loss?t={token}&{price}&l=${{AUCTION_LOSS}}",
    )


def _micros_per_price(auction: ImpAuction, multiplier: Decimal | None) -> str:
    """What a price of 1 (CPM, in the answer's currency) costs its payer: `money.cost_micros` without its rounding."""
    rate = auction.winner.fx_rate if auction.winner else None
    with localcontext(EXACT):
        factor = (multiplier or Decimal(1)) * (Decimal(1) if rate is None else rate)
        return str(factor * (MICROS // IMPRESSIONS_PER_MILLE))
