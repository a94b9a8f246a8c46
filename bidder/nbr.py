"""Why there was no bid: OpenRTB 3.0's no-bid reason codes, and ours from 500 on."""

from __future__ import annotations

TECHNICAL = 1
INVALID = 2
INSUFFICIENT_TIME = 15

NO_BIDS = 500
"""Nobody bid."""
ALL_LOST = 501
"""There were bids, and none could win; the event says why for each."""
UNFUNDABLE = 502
"""The winners could not pay, and what was left could not win."""
SHED = 503
"""Too much at once."""
LATE = 504
"""The time ran out before the answer was written."""
BANKER_LOST = 505
"""No debit can be made durable now."""
KILLED = 506
"""The platform's kill switch is on."""
NO_SNAPSHOT = 507
"""This bidder does not know the market yet."""
