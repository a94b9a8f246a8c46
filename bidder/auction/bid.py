"""A bid in the auction, from whichever demand, and the auction's result."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bidder.openrtb.answer import DspBid
from rtbplatform.kernel.snapshot import CampaignView, CreativeView


class Bid(msgspec.Struct, eq=False):
    """One bid for one imp. `loss` stays 0 for as long as it is in."""

    bid_id: str
    imp: int
    """Index of the imp; -1 = the bid names none of the request."""
    price_cpm_micros: int
    currency: str
    seat: str
    dsp: str = ""
    """Slug; empty = a campaign of our own."""
    campaign: CampaignView | None = None
    creative: CreativeView | None = None
    """Own bids; of a DSP's bid the registered creative it names, if there is one."""
    crid: str = ""
    cid: str = ""
    adomain: list[str] = []
    cat: list[str] = []
    attr: list[int] = []
    w: int = 0
    h: int = 0
    mtype: int = 0
    deal: str = ""
    latency_ms: float = 0.0
    raw: DspBid | None = None
    bidid: str = ""
    """The DSP's BidResponse.bidid."""
    group: str = ""
    """Bids of one group (seatbid.group=1) win all or not at all; empty = alone."""
    unusable: int = 0
    """The loss it came with, before any auction; 0 = usable."""
    loss: int = 0
    detail: str = ""
    rank_cpm_micros: int = 0
    """Filled by the checks: its price in the answer's currency, rounded down."""
    cost_max_micros: int = 0
    """Filled by the checks: what it would cost at its own price, in the campaign's currency."""


class Winner(msgspec.Struct, eq=False):
    bid: Bid
    clearing_cpm_micros: int
    """In the answer's currency."""
    cost_micros: int
    """In the campaign's currency."""
    fx_rate: Decimal | None
    """Campaign currency per answer currency, as used; None = the same."""
    bid_price_cpm_micros: int
    """The clearing price in the bid's own currency: AUCTION_PRICE for its DSP."""
    min_to_win_cpm_micros: int
    """AUCTION_MIN_TO_WIN of the winner, in the answer's currency: the runner-up's price, or the floor."""
    bid_min_to_win_cpm_micros: int
    """The same in the bid's own currency."""


class ImpAuction(msgspec.Struct, eq=False):
    """One imp's auction: all its bids, losers with their loss code, and the winner if there is one."""

    imp: int
    imp_id: str
    bids: list[Bid]
    winner: Winner | None = None
    floor_cpm_micros: int = 0
    floor_currency: str = "USD"
    min_to_win_cpm_micros: int = 0
    """AUCTION_MIN_TO_WIN of the losers, in the answer's currency: the clearing price, or the floor; 0 = not known."""


class AuctionResult(msgspec.Struct, eq=False):
    currency: str
    """The answer's."""
    imps: list[ImpAuction]
    stray: list[Bid]
    """Bids for no imp of the request."""

    @property
    def winners(self) -> list[tuple[ImpAuction, Winner]]:
        return [(auction, auction.winner) for auction in self.imps if auction.winner]
