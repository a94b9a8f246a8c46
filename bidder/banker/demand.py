"""When to ask for money, and how much: the banker's side of lease requests.

A campaign is asked for on its first match, again when 40 % is left or its last lease is about to end, as long as it was
wanted lately. One request per campaign is in flight; it is repeated with the same number until it is answered.
Plain decisions: `now_ms` is boot time. Rates are floats: they only size what is asked for, the allocator decides.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from random import Random

import msgspec

from bidder.banker.leases import Standing
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.kernel.wire import LeaseRequest

LOW_SHARE = 0.4
OVERSIZE = 1.25
BIDS_MIN = 20
WARM_TERMS = 2
"""A payer that nobody wanted for this many lease terms is cold: its leases run out and are not renewed."""
PAYERS_MAX = 50_000
NUMBERS_KEPT = 100_000
"""Requests whose first sending is remembered: a lease for one that is forgotten is not accepted."""


class Payer(msgspec.Struct):
    """A campaign that was matched here."""

    advertiser: int
    campaign: int
    bid_micros: int
    """The last cost of one bid."""
    smallest_micros: int
    """The smallest since the last request: less than this is of no use."""
    wanted_ms: int
    rate: float = 0.0
    """Micros a millisecond, as of `rate_ms`."""
    rate_ms: int = 0
    request: LeaseRequest | None = None
    sent_ms: int = 0
    patience_ms: int = 0
    """How long it waits for an answer before it asks again: doubles while none comes in time, so that a treasury that
    has fallen behind is not asked more the slower it is."""
    not_before_ms: int = 0
    renew_ms: int = 0
    """How long before the end of its last lease it asks again (jittered)."""
    end_asked_ms: int = -(10**12)


class Demand:
    """All payers of one incarnation and their requests."""

    def __init__(self, incarnation: bytes, times: ProtocolTimes, random: Random) -> None:
        self._incarnation = incarnation
        self._times = times
        self._random = random
        self._payers: dict[int, Payer] = {}
        self._first_sent: OrderedDict[int, int] = OrderedDict()
        self._last_no = 0
        self.enabled = False
        """Whether the treasury knows this incarnation: before, it would refuse."""
        self.overflown = 0
        """Campaigns not taken up, because there are too many."""

    @property
    def payer_count(self) -> int:
        return len(self._payers)

    def wanted(self, advertiser: int, campaign: int, bid_micros: int, now_ms: int) -> None:
        """A campaign matched; one bid of it costs this much."""
        payer = self._payers.get(campaign)
        if payer is not None:
            payer.wanted_ms = now_ms
            payer.bid_micros = bid_micros
            payer.smallest_micros = min(payer.smallest_micros, bid_micros)
        elif len(self._payers) < PAYERS_MAX:
            self._payers[campaign] = Payer(advertiser, campaign, bid_micros, bid_micros, now_ms)
        else:
            self.overflown += 1

    def debited(self, advertiser: int, campaign: int, amount_micros: int, now_ms: int) -> None:
        """A campaign paid: its rate is an EWMA with the protocol's half-life."""
        self.wanted(advertiser, campaign, amount_micros, now_ms)
        payer = self._payers.get(campaign)
        if payer is not None:
            halflife_ms = self._times.rate_halflife_ms
            payer.rate = self._rate(payer, now_ms) + amount_micros * math.log(2) / halflife_ms
            payer.rate_ms = now_ms

    def smallest_micros(self, campaign: int) -> int:
        """The smallest bid that the campaign made lately; 1 when nothing is known."""
        payer = self._payers.get(campaign)
        return payer.smallest_micros if payer is not None else 1

    def due(self, campaign: int, standing: Standing, now_ms: int) -> LeaseRequest | None:
        """The request to send for a campaign now, if any."""
        payer = self._payers.get(campaign)
        if payer is None or not self.enabled:
            return None
        if payer.request is not None:
            if now_ms - payer.sent_ms < payer.patience_ms:
                return None
            self._lose_patience(payer)
            if not self._is_too_old(payer.request, now_ms):
                payer.sent_ms = now_ms
                return payer.request
            payer.request = None
        if not self._needs(payer, standing, now_ms):
            return None
        return self._ask(payer, now_ms)

    def tick(self, standing: Callable[[int], Standing], now_ms: int) -> list[LeaseRequest]:
        """Requests due now, over all campaigns; forgets the cold ones."""
        cold_ms = now_ms - WARM_TERMS * self._times.lease_term_ms
        for campaign in [
            payer.campaign
            for payer in self._payers.values()
            if payer.wanted_ms < cold_ms and payer.request is None
        ]:
            del self._payers[campaign]
        asked = [self.due(campaign, standing(campaign), now_ms) for campaign in self._payers]
        return [request for request in asked if request is not None]

    def first_sent_ms(self, request_no: int) -> int | None:
        """When a request was first sent: what the working time of its lease is counted from."""
        return self._first_sent.get(request_no)

    def answered(self, campaign: int, request_no: int) -> None:
        """A lease came for this request: the next one may be asked for."""
        payer = self._payers.get(campaign)
        if payer is not None and payer.request is not None and payer.request.no == request_no:
            payer.request = None
            payer.patience_ms = self._times.request_retry_ms

    def came_too_late(self, campaign: int, request_no: int, now_ms: int) -> None:
        """A lease came that cannot be spent any more: asking again at once would only make the queue longer."""
        payer = self._payers.get(campaign)
        if payer is not None and payer.request is not None and payer.request.no == request_no:
            payer.request = None
            self._lose_patience(payer)
            payer.not_before_ms = now_ms + payer.patience_ms

    def refused(self, campaign: int, request_no: int, retry_ms: int, now_ms: int) -> bool:
        """No lease for this request: a new one, with a new number, after `retry_ms`. False for an old refusal."""
        payer = self._payers.get(campaign)
        if payer is None or payer.request is None or payer.request.no != request_no:
            return False
        payer.request = None
        payer.patience_ms = self._times.request_retry_ms
        payer.not_before_ms = now_ms + max(retry_ms, self._times.refused_retry_ms)
        return True

    def _lose_patience(self, payer: Payer) -> None:
        payer.patience_ms = min(2 * payer.patience_ms, self._times.lease_working_ms)

    def _is_too_old(self, request: LeaseRequest, now_ms: int) -> bool:
        """Its lease would be over before it could be spent."""
        return now_ms - self._first_sent.get(request.no, 0) >= self._times.lease_working_ms

    def _needs(self, payer: Payer, standing: Standing, now_ms: int) -> bool:
        cold_ms = now_ms - WARM_TERMS * self._times.lease_term_ms
        if now_ms < payer.not_before_ms or payer.wanted_ms < cold_ms:
            return False
        is_low = standing.left_micros <= LOW_SHARE * standing.granted_micros
        if is_low or standing.left_micros < payer.bid_micros:
            return True
        if standing.ends_ms - now_ms > payer.renew_ms:
            return False
        # A lease that ends with its day cannot be renewed past it: do not ask at every tick until then.
        if now_ms - payer.end_asked_ms < self._times.renew_before_end_ms // 4:
            return False
        payer.end_asked_ms = now_ms
        return True

    def _ask(self, payer: Payer, now_ms: int) -> LeaseRequest:
        self._last_no += 1
        expected = OVERSIZE * self._rate(payer, now_ms) * self._times.lease_term_ms
        payer.request = LeaseRequest(
            self._incarnation,
            self._last_no,
            payer.advertiser,
            payer.campaign,
            payer.bid_micros,
            max(BIDS_MIN * payer.bid_micros, int(expected)),
        )
        payer.sent_ms = now_ms
        payer.patience_ms = max(payer.patience_ms, self._times.request_retry_ms)
        payer.smallest_micros = payer.bid_micros
        payer.renew_ms = int(self._times.renew_before_end_ms * self._random.uniform(0.8, 1.2))
        self._first_sent[self._last_no] = now_ms
        if len(self._first_sent) > NUMBERS_KEPT:
            self._first_sent.popitem(last=False)
        return payer.request

    def _rate(self, payer: Payer, now_ms: int) -> float:
        age_ms = now_ms - payer.rate_ms
        return float(payer.rate * 0.5 ** (age_ms / self._times.rate_halflife_ms))
