"""No-bid and loss reasons: OpenRTB's (AdCOM lists "No-Bid Reason Codes" and "Loss Reason Codes"), and ours.

Ours lie where the lists leave room for an exchange's own: no-bids from 500, losses from 1000.
"""

from __future__ import annotations

from enum import IntEnum


class NoBid(IntEnum):
    UNKNOWN = 0
    TECHNICAL_ERROR = 1
    INVALID_REQUEST = 2
    KNOWN_CRAWLER = 3
    NON_HUMAN_TRAFFIC = 4
    DATACENTER_OR_PROXY = 5
    UNSUPPORTED_DEVICE = 6
    BLOCKED_PUBLISHER_OR_SITE = 7
    UNMATCHED_USER = 8
    DAILY_USER_CAP = 9
    DAILY_DOMAIN_CAP = 10
    ADS_TXT_UNAVAILABLE = 11
    ADS_TXT_VIOLATION = 12
    ADS_CERT_UNAVAILABLE = 13
    ADS_CERT_VIOLATION = 14
    INSUFFICIENT_TIME = 15
    INCOMPLETE_SCHAIN = 16
    BLOCKED_SCHAIN_NODE = 17
    NO_DEMAND = 500
    """No campaign matched and no DSP bid."""
    ALL_BIDS_LOST = 501
    UNFUNDED = 502
    """All that bid could not pay, or the banker refused."""
    OVERLOAD = 503
    """Too much at once: shed."""
    LATE = 504
    """The time ran out before the answer was written."""
    BANKER_LOST = 505
    """No debit can be made durable now."""
    KILLED = 506
    """The platform's kill switch."""
    NO_SNAPSHOT = 507
    """This bidder does not know the market yet."""
    VELOCITY = 508
    """Too many requests of one user, device or address in a minute."""


class Loss(IntEnum):
    WON = 0
    INTERNAL_ERROR = 1
    EXPIRED = 2
    INVALID_BID = 3
    INVALID_DEAL = 4
    INVALID_AUCTION = 5
    INVALID_DOMAIN = 6
    MISSING_MARKUP = 7
    MISSING_CREATIVE_ID = 8
    PRICE = 9
    MISSING_APPROVAL_DATA = 10
    BELOW_FLOOR = 100
    BELOW_DEAL_FLOOR = 101
    OUTBID = 102
    LOST_TO_DEAL = 103
    SEAT_BLOCKED = 104
    CREATIVE_GENERAL = 200
    CREATIVE_PENDING = 201
    CREATIVE_DISAPPROVED = 202
    CREATIVE_SIZE = 203
    CREATIVE_FORMAT = 204
    ADVERTISER_EXCLUDED = 205
    APP_EXCLUDED = 206
    NOT_SECURE = 207
    LANGUAGE = 208
    CATEGORY_EXCLUDED = 209
    ATTRIBUTE_EXCLUDED = 210
    AD_TYPE_EXCLUDED = 211
    ANIMATION_TOO_LONG = 212
    NOT_ALLOWED_IN_DEAL = 213
    BUDGET_EXHAUSTED = 1001
    PACED_OUT = 1002
    FREQUENCY_CAPPED = 1003
    UNKNOWN_CAMPAIGN = 1004
    CAMPAIGN_NOT_RUNNING = 1005
    COMPETITIVE_SEPARATION = 1006
    GROUP_INCOMPLETE = 1007
    ABOVE_CAMPAIGN_MAX = 1008


def no_bid_name(code: int) -> str:
    """A word for headers and metrics: `no_demand`; `nbr_99` for a code that is in no list."""
    return NoBid(code).name.lower() if code in _NO_BIDS else f"nbr_{code}"


def loss_name(code: int) -> str:
    """A word for reports and metrics: `outbid`; `loss_99` for a code that is in no list."""
    return Loss(code).name.lower() if code in _LOSSES else f"loss_{code}"


_NO_BIDS = frozenset(NoBid)
_LOSSES = frozenset(Loss)
