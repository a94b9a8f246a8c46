"""Who holds which part of a budget, in Postgres. Every table's key starts with the advertiser, so that rows can be
partitioned and sharded by it; what belongs to a machine or to the database as a whole is the exception.

Rows change only through `EscrowStore` (locks) and what the decisions of coordinator, allocator and the settlement's
fold say; the CHECKs are the last line: a wrong decision is refused, not recorded.
"""

from billing.escrow.models.budgets import TERMS, BudgetScope, CampaignDay, RegionAllocation
from billing.escrow.models.holds import HoldRow, OrphanRow
from billing.escrow.models.leases import Incarnation, LeaseRow
from billing.escrow.models.marks import CensusRow, Freeze, MarkRow, SignOff
from billing.escrow.models.signs import Alarm, TreasuryBeat

__all__ = [
    "TERMS",
    "Alarm",
    "BudgetScope",
    "CampaignDay",
    "CensusRow",
    "Freeze",
    "HoldRow",
    "Incarnation",
    "LeaseRow",
    "MarkRow",
    "OrphanRow",
    "RegionAllocation",
    "SignOff",
    "TreasuryBeat",
]
