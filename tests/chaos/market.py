"""The exchanges of a chaos run: open-loop requests to every region, answers read on the wire, notices sent later."""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import threading
from typing import Any

import aiohttp
import uvloop

from bench.answers import Bid, response_of
from bench.bodies import Made, Source
from bench.figures import Answer
from bench.generator import Load
from bench.http_client import Target
from rtbplatform.kernel import money
from rtbplatform.kernel.keys import answer_signing_key, derive, sign_answer
from rtbplatform.kernel.notice import NOTICE_PURPOSE, read_token
from rtbplatform.local.traffic import Traffic
from tests.acceptance.platform import Platform
from tests.acceptance.truth import now_ms
from tests.chaos.notices import FAULTLESS, Notices
from tests.chaos.sales import Sale, Seen
from tests.chaos.scene import SUPPLY, Exchange, Scene

TWO_IMPS_SHARE = 0.2
ANSWER_WITHIN_MS = 1000
TIMEOUT_S = 5.0


def requests_for(seed: str, sites: dict[str, int]) -> Source:
    """Endless first-price display requests, each for one of the sites by their weights."""
    traffic = Traffic(seed)
    names, weights = list(sites), list(sites.values())

    def make(number: int) -> Made:
        rng = random.Random(f"{seed}/{number}/site")
        site = rng.choices(names, weights)[0]
        generated = traffic.make(number, "site")
        request: dict[str, Any] = json.loads(generated.body)
        # What is shown here is money, not speed.
        request |= {"at": 1, "tmax": ANSWER_WITHIN_MS}
        request["site"] |= {"domain": site, "page": f"https://{site}/{number}"}
        imp = {**request["imp"][0], "banner": {"format": [{"w": 300, "h": 250}]}}
        count = 2 if rng.random() < TWO_IMPS_SHARE else 1
        request["imp"] = [{**imp, "id": str(no)} for no in range(1, count + 1)]
        return generated.kind, generated.id, json.dumps(request).encode()

    return make


class Market:
    """Both exchanges, in a thread of their own, for a given time."""

    def __init__(self, platform: Platform, scene: Scene, seed: int, day_seconds: int) -> None:
        self.seen = Seen(day_ms=day_seconds * 1000)
        self._scene, self._seed = scene, seed
        self._facts, self._secret = platform.facts, platform.secret
        self._token_key = derive(self._secret, NOTICE_PURPOSE)
        per_request = 1 + TWO_IMPS_SHARE
        self.rate = SUPPLY * scene.imps_per_day() / day_seconds / per_request
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._notices: Notices | None = None

    def be_faultless(self) -> None:
        """The exchanges' own faults are over, too."""
        if self._notices is not None:
            self._notices.manner = FAULTLESS

    def start(self, seconds: float) -> None:
        self._thread = threading.Thread(target=self._run, args=(seconds,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits for the last answer and the last notice. Raises what broke the market itself."""
        assert self._thread is not None
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, seconds: float) -> None:
        try:
            uvloop.run(self._trade(seconds))
        except BaseException as error:  # noqa: BLE001 - told by `join`, in the thread that can end the run
            self._error = error

    async def _trade(self, seconds: float) -> None:
        weights = {
            one.slug: sum(self._scene.sites(one.slug).values()) for one in self._scene.exchanges
        }
        async with aiohttp.ClientSession() as session:
            notices = self._notices = Notices(session, self._seed)
            loads = [
                self._load(exchange, region, notices).open_loop(
                    self.rate
                    * weights[exchange.slug]
                    / sum(weights.values())
                    / len(self._facts["regions"]),
                    seconds,
                )
                for exchange in self._scene.exchanges
                for region in self._facts["regions"]
            ]
            for summary in await asyncio.gather(*loads):
                self.seen.add_statuses(summary.statuses)
            await notices.finish()

    def _load(self, exchange: Exchange, region: str, notices: Notices) -> Load:
        target = Target.of(
            f"{self._facts['regions'][region]['bidder']}/openrtb2/{exchange.slug}",
            {"X-Exchange-Key": exchange.key, "X-OpenRTB-Version": "2.6"},
        )
        key = answer_signing_key(self._secret, exchange.slug, 1)

        def observe(answer: Answer) -> None:
            if answer.status <= 0:
                self.seen.lost.add(answer.request_id)
            if answer.status == 204:
                self.seen.reasons[answer.headers.get("x-rtb-reason", "")] += 1
            if answer.status == 200:
                self._sold(answer, exchange, key, notices)

        return Load(
            target,
            requests_for(
                f"chaos/{self._seed}/{exchange.slug}/{region}", self._scene.sites(exchange.slug)
            ),
            connections=8,
            connections_max=200,
            timeout_s=TIMEOUT_S,
            observer=observe,
        )

    def _sold(self, answer: Answer, exchange: Exchange, key: bytes, notices: Notices) -> None:
        signature = answer.headers.get("x-rtb-signature", "")
        if not hmac.compare_digest(signature, sign_answer(key, answer.request_id, answer.body)):
            self.seen.badly_signed += 1
        response = response_of(answer)
        assert response.cur == "USD"
        for bid in (bid for seat in response.seatbid for bid in seat.bid):
            sale = self._sale(answer, exchange, bid)
            self.seen.add(sale)
            notices.plan(sale, bid, exchange.horizon_s)

    def _sale(self, answer: Answer, exchange: Exchange, bid: Bid) -> Sale:
        text = bid.burl.partition("t=")[2].partition("&")[0]
        token = read_token(self._token_key, text)
        return Sale(
            request_id=answer.request_id,
            imp=bid.impid,
            exchange=exchange.slug,
            on_notice=exchange.horizon_s > 0,
            campaign=int(bid.cid),
            day=token.day,
            lease=token.lease,
            cost_micros=money.cost_micros(money.bid_cpm_micros(bid.price)),
            sent_ms=answer.sent_ms,
            answered_ms=now_ms(),
        )


def show(seen: Seen) -> str:
    """A line for people."""
    statuses = {0: "lost", -1: "timed out"}
    parts = (f"{statuses.get(one, one)}: {count}" for one, count in sorted(seen.statuses.items()))
    reasons = (f"{why or 'no reason'}: {count}" for why, count in seen.reasons.most_common(5))
    return (
        f"{sum(seen.statuses.values())} requests ({', '.join(parts)}), {len(seen.sales)} imps sold; "
        f"without a bid: {', '.join(reasons)}"
    )
