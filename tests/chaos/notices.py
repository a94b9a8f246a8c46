"""The notices of a chaos run's exchanges: most in time, some doubled, some late, for some sales none or a loss."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import aiohttp
import msgspec

from bench.answers import Bid
from rtbplatform.kernel import money
from tests.acceptance.truth import now_ms
from tests.chaos.sales import Sale


class Manner(msgspec.Struct, frozen=True):
    """How an exchange behaves: shares of sales that are billed in time, late, and lost; the rest gets no notice."""

    in_time: float
    late: float
    loss: float
    price_percent_min: int
    """Of our price, what a notice bills at least."""


ROUGH = Manner(0.62, 0.04, 0.16, 60)
FAULTLESS = Manner(0.95, 0.0, 0.05, 95)
"""When the faults are over: what exchanges do not bill, or bill late, would be under-delivery of their making."""
DOUBLED = 0.12
DELAY_S_MAX = 6.0
LATE_S = (25.0, 32.0)
"""After the horizon: settlement and marks take their time, and only then is a hold gone."""
TIMEOUT_S = 3.0
AGAIN_S = 1.5
GIVEN_UP_AFTER_S = 40.0
AT_AUCTION_SHARE = 0.2
"""Where notices move no money, a few are enough."""


class Notices:
    """Sends them when they are due, again until they are acknowledged, as exchanges do."""

    def __init__(self, session: aiohttp.ClientSession, seed: int) -> None:
        self._session, self._seed = session, seed
        self.manner = ROUGH
        self._tasks: set[asyncio.Task[None]] = set()

    def plan(self, sale: Sale, bid: Bid, horizon_s: int) -> None:
        """Decides by seed, request and imp what this sale's exchange will say."""
        rng = random.Random(f"{self._seed}/{sale.request_id}/{sale.imp}")
        if not horizon_s and rng.random() > AT_AUCTION_SHARE:
            return
        what, manner = rng.random(), self.manner
        percent = rng.randint(manner.price_percent_min, 104)
        price = (bid.price * Decimal(percent) / 100).quantize(Decimal("0.0001"))
        delay_s = rng.uniform(0, DELAY_S_MAX)
        if what < manner.in_time:
            self._later(sale, bid.burl, price, delay_s, horizon_s)
            if rng.random() < DOUBLED:
                self._later(sale, bid.burl, price, delay_s + rng.uniform(0, 2), horizon_s)
        elif what < manner.in_time + manner.late:
            if horizon_s:
                self._later(sale, bid.burl, price, horizon_s + rng.uniform(*LATE_S), horizon_s)
        elif what < manner.in_time + manner.late + manner.loss:
            self._later(sale, bid.lurl.replace("${AUCTION_LOSS}", "102"), price, delay_s, horizon_s)

    async def finish(self) -> None:
        """Until the last has been sent or given up."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _later(
        self, sale: Sale, template: str, price: Decimal, delay_s: float, horizon_s: int
    ) -> None:
        url = template.replace("${AUCTION_PRICE}", str(price))
        billed = template.find("/n/billing") >= 0
        due = self._tell(sale, url, price if billed else None, delay_s, horizon_s)
        task = asyncio.ensure_future(due)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(
        self, sale: Sale, url: str, price: Decimal | None, delay_s: float, horizon_s: int
    ) -> None:
        await asyncio.sleep(delay_s)
        until_ms = now_ms() + int(GIVEN_UP_AFTER_S * 1000)
        while now_ms() < until_ms:
            if await self._acknowledged(url):
                if price is not None:
                    self._count(sale, price, horizon_s)
                return
            await asyncio.sleep(AGAIN_S)

    async def _acknowledged(self, url: str) -> bool:
        try:
            async with self._session.get(
                url, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _count(self, sale: Sale, price: Decimal, horizon_s: int) -> None:
        cost_micros = min(sale.cost_micros, money.cost_micros(money.bid_cpm_micros(price)))
        if now_ms() - sale.answered_ms <= horizon_s * 1000:
            sale.billed_micros = cost_micros
        elif sale.on_notice and not sale.billed_micros:
            sale.late_micros = cost_micros
