"""All campaigns' pacing of today: reads what was spent, asks the controller, keeps its state."""

from __future__ import annotations

from billing.escrow.pacing import Pace, Spending, next_pace
from billing.escrow.repository import at_ms, fetch, from_ms
from rtbplatform.kernel.wire import Pacing

NEVER = -(2**31)
"""The day of a pace that was carried over from before a restart: its probability counts, nothing else."""


class PacingSheet:
    """One region's controllers. All regions see the same spend, so they come to the same probabilities."""

    def __init__(self, participation: dict[int, float]) -> None:
        self._paces = {campaign: Pace(day=NEVER, p=p) for campaign, p in participation.items()}

    def update(self, now_ms: int) -> None:
        """One more interval for every campaign that runs today. Raises django.db.Error."""
        rows = fetch(
            """
            SELECT d.campaign_id, c.pacing, d.day, d.starts_at, d.ends_at, d.budget_micros,
                d.settled_micros + d.held_micros
            FROM escrow_campaign_day d JOIN campaigns_campaign c ON c.id = d.campaign_id
            WHERE d.is_running AND d.starts_at <= %s AND d.ends_at > %s
            """,
            [from_ms(now_ms), from_ms(now_ms)],
        )
        paces: dict[int, Pace] = {}
        for campaign, mode, day, starts_at, ends_at, budget, spent in rows:
            seen = Spending(mode, day, at_ms(starts_at), at_ms(ends_at), budget, spent)
            paces[campaign] = next_pace(self._paces.get(campaign), seen, now_ms)
        self._paces = paces

    def pacing(self, now_ms: int) -> Pacing:
        """What bidders are told; who takes part always is not named."""
        return Pacing(
            now_ms, {campaign: pace.p for campaign, pace in self._paces.items() if pace.p < 1.0}
        )
