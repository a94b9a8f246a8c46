"""Stage 7, reserve: whether an answer's debit is the sale or a hold, by the exchange's contract.

In: the exchange. Out: milliseconds. On failure: none possible. Time: none.
"""

from __future__ import annotations

from rtbplatform.kernel.snapshot import ExchangeView

ON_BILLING_NOTICE = "on_billing_notice"


def hold_ms(exchange: ExchangeView) -> int:
    """How long a debit is held for the billing notice; 0 = the answer is the sale."""
    return exchange.billing_horizon_ms if exchange.charging == ON_BILLING_NOTICE else 0
