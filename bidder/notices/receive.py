"""Notices from exchanges: verified, recorded durably, then acknowledged.

In: kind, signed token, price and loss reason as they stand in the URL. Out: an HTTP status and a word.
On failure: 400 forged or unknown kind; 503 when it cannot be made durable now, or moves money and the
treasury does not know our banker yet: the exchange tries again.
Time: one group commit.
"""

from __future__ import annotations

from collections import OrderedDict

from bidder.notices.claims import claim_of
from bidder.reserve.client import BankerClient
from rtbplatform.kernel.events import NoticeEvent, encode_event
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.notice import KINDS, NOTICE_PURPOSE, NoticeError, NoticeToken, read_token

RECENT_MAX = 100_000
PRICE_CHARS_MAX = 64
TOKEN_CHARS_MAX = 2048


class Notices:
    """Repeats within the most recent `RECENT_MAX` are acknowledged without a second record. Settlement dedupes for
    good: other workers and the time before a restart are not in this memory."""

    def __init__(self, secret: str, banker: BankerClient, exchanges: dict[int, str]) -> None:
        self._key = derive(secret, NOTICE_PURPOSE)
        self._banker = banker
        self._recent: OrderedDict[tuple[str, bytes, int], None] = OrderedDict()
        self.exchanges = exchanges
        """Slug by id; replaced with each snapshot."""

    async def receive(
        self, kind: str, token_text: str, price: str, loss: str, now_ms: int
    ) -> tuple[int, str]:
        """200 once durable, also for repeats and for late ones, which are recorded as late."""
        if kind not in KINDS or len(token_text) > TOKEN_CHARS_MAX:
            return 400, "unknown notice"
        try:
            token = read_token(self._key, token_text)
        except NoticeError:
            return 400, "forged or damaged notice"
        key = (kind, token.debit_id, token.imp)
        if key in self._recent:
            return 200, "known"
        durable = await self._banker.notice(
            uuid7(now_ms),
            hash64(token.request_id),
            token.exchange,
            now_ms,
            token.debit_id,
            encode_event(self._event(kind, token, price, loss, now_ms)),
            claim_of(kind, token, price[:PRICE_CHARS_MAX]),
        )
        if not durable:
            return 503, "not recorded, try again"
        # Only now: a repeat of one that was lost must be recorded.
        self._recent[key] = None
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return 200, "recorded"

    def _event(
        self, kind: str, token: NoticeToken, price: str, loss: str, now_ms: int
    ) -> NoticeEvent:
        return NoticeEvent(
            event_id=uuid7(now_ms),
            at_ms=now_ms,
            kind=kind,
            request_id=token.request_id,
            exchange=self.exchanges.get(token.exchange, ""),
            debit_id=token.debit_id,
            imp=token.imp,
            campaign=token.campaign,
            day=token.day,
            advertiser=token.advertiser,
            price=price[:PRICE_CHARS_MAX],
            loss=int(loss) if loss.isascii() and loss.isdigit() and len(loss) <= 4 else -1,
            late=now_ms > token.expires_ms,
        )
