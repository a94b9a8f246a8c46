"""All campaigns' pacing of today: reads what was spent, asks the controller, keeps its state."""

from __future__ import annotations

from billing.escrow.sql import at_ms, fetch, from_ms
from billing.pacing.controller import Pace, Seen, need_micros, next_pace
from billing.pacing.curves import HOURS_COLUMNS, Curves, hours_of_row
from rtbplatform.kernel.wire import Pacing


class PacingSheet:
    """One region's controllers. All regions see the same spend, so they come to the same probabilities."""

    def __init__(self, participation: dict[int, float], term_ms: int) -> None:
        """`participation`: what was in force before this process. `term_ms`: a lease term."""
        self.needs: dict[tuple[int, int], int] = {}
        """By (campaign, day): micros that pacing needs within a lease term. Replaced whole: threads may read it."""
        self._term_ms = term_ms
        self._paces = {campaign: Pace(p) for campaign, p in participation.items()}
        self._curves = Curves()

    def update(self, now_ms: int) -> None:
        """One more interval for every campaign that runs today. Raises django.db.Error.

        What a total leaves is spread like a budget. Quarantined money is gone for the day, like spent money.
        """
        rows = fetch(
            f"""
            SELECT d.campaign_id, c.pacing, d.day, d.starts_at, d.ends_at,
                greatest(0, least(d.budget_micros,
                    s.limit_micros - s.committed_micros + d.budget_micros - d.available_micros)),
                d.settled_micros + d.held_micros + d.quarantined_micros + d.written_off_micros,
                {HOURS_COLUMNS}
            FROM escrow_campaign_day d JOIN campaigns_campaign c ON c.id = d.campaign_id
            LEFT JOIN escrow_scope s ON s.advertiser_id = d.advertiser_id AND s.kind = 'total'
                AND s.campaign_id = d.campaign_id
            LEFT JOIN campaigns_targeting t ON t.campaign_id = c.id
            WHERE d.is_running AND d.starts_at <= %s AND d.ends_at > %s
            """,  # noqa: S608 - a constant
            [from_ms(now_ms), from_ms(now_ms)],
        )
        paces: dict[int, Pace] = {}
        needs: dict[tuple[int, int], int] = {}
        for campaign, mode, day, starts_at, ends_at, budget, spent, *when in rows:
            curve = self._curves.of(at_ms(starts_at), at_ms(ends_at), hours_of_row(*when), now_ms)
            seen = Seen(mode, day, budget, spent, curve)
            paces[campaign] = next_pace(self._paces.get(campaign), seen, now_ms)
            need = need_micros(paces[campaign], seen, now_ms, self._term_ms)
            if need is not None:
                needs[campaign, day] = need
        self._paces, self.needs = paces, needs

    def pacing(self, now_ms: int) -> Pacing:
        """What bidders are told; who takes part always is not named."""
        return Pacing(
            now_ms, {campaign: pace.p for campaign, pace in self._paces.items() if pace.p < 1.0}
        )
