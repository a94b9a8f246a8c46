"""Stage 8: the bid response as bytes."""

from __future__ import annotations

from collections.abc import Sequence

from bidder.auction.bid import AuctionResult
from bidder.openrtb.model import BidRequest
from rtbplatform.kernel.snapshot import ExchangeView
from rtbplatform.kernel.stream import DebitLine


def build_answer(
    request: BidRequest,
    result: AuctionResult,
    debit_id: bytes,
    lines: Sequence[DebitLine],
    exchange: ExchangeView,
    base_url: str,
    now_ms: int,
    notice_key: bytes,
) -> bytes:
    """`lines` as committed by the banker (empty for test requests: no notice URLs then). `notice_key` is
    ``derive(secret, notice.NOTICE_PURPOSE)``."""
    raise NotImplementedError


def no_bid_answer(request_id: str, nbr: int) -> bytes:
    """For exchanges that want reasons."""
    raise NotImplementedError


def signature(signing_key: bytes, request_id: str, body: bytes) -> str:
    """Value of the answer's signature header."""
    raise NotImplementedError
