"""What advertisers own, and the market they buy in."""

from campaigns.models.accounts import Advertiser, Membership, Role, StaffRole, User
from campaigns.models.campaign import Campaign, CampaignStatus, Pacing
from campaigns.models.creative import Creative, CreativeFormat, ReviewStatus
from campaigns.models.market import Charging, Dsp, Exchange, ExchangeKey, FxRate
from campaigns.models.platform import PlatformSwitch
from campaigns.models.targeting import Targeting

__all__ = [
    "Advertiser",
    "Campaign",
    "CampaignStatus",
    "Charging",
    "Creative",
    "CreativeFormat",
    "Dsp",
    "Exchange",
    "ExchangeKey",
    "FxRate",
    "Membership",
    "Pacing",
    "PlatformSwitch",
    "ReviewStatus",
    "Role",
    "StaffRole",
    "Targeting",
    "User",
]
