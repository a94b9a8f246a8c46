"""Stage 7, reserve: what each campaign could spend on this machine, as this worker knows it.

In: the banker's mirror messages; debits of this worker on their way.
Out: `fundable`, a plain dict read in the hot path: campaign -> micros.
On failure: emptied, so that nothing is bid while the banker is away.
Time: a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtbplatform.kernel.ipc import Mirror, Want


class FundableMirror:
    """The banker's word, less what this worker has under way. The banker sends its mirror before an acknowledgement,
    so that a debit is lowered here until it is in the banker's word, and never twice for long."""

    def __init__(self) -> None:
        self.fundable: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._under_way: dict[int, int] = {}

    def apply(self, message: Mirror) -> None:
        """The banker's word replaces ours."""
        if message.full:
            self._told.clear()
            self.fundable.clear()
        for campaign, amount in message.fundable.items():
            if amount:
                self._told[campaign] = amount
            else:
                self._told.pop(campaign, None)
            self._update(campaign)

    def leaves(self, wants: Iterable[Want]) -> None:
        """A debit is on its way."""
        for want in wants:
            under_way = self._under_way.get(want.campaign, 0) + want.amount_micros
            self._under_way[want.campaign] = under_way
            self._update(want.campaign)

    def returns(self, wants: Iterable[Want]) -> None:
        """It was acknowledged or refused: it is in the banker's word now."""
        for want in wants:
            under_way = self._under_way.get(want.campaign, 0) - want.amount_micros
            if under_way > 0:
                self._under_way[want.campaign] = under_way
            else:
                self._under_way.pop(want.campaign, None)
            self._update(want.campaign)

    def clear(self) -> None:
        """The banker is lost."""
        self._told.clear()
        self._under_way.clear()
        self.fundable.clear()

    def _update(self, campaign: int) -> None:
        amount = self._told.get(campaign, 0) - self._under_way.get(campaign, 0)
        if amount > 0:
            self.fundable[campaign] = amount
        else:
            self.fundable.pop(campaign, None)
