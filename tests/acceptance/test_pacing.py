"""``python -m tests.acceptance.test_pacing [--minutes N] [--short]``: a whole day of 20 campaigns with 1.3x supply.

Starts a platform whose days last N minutes (10) and whose protocol and pacing run ten times faster, sends an open loop
from before a day begins until it is over, and asks Postgres every second what was spent. Accepted when 99.5 % of all
budgets is delivered, nothing beyond any, and spend is within 2 % of the budget of its plan in 95 % of the samples.
Not part of the ordinary suite: a day takes its time. --short: a day of 2 minutes, with the bounds that it allows.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.bodies import Made, Source
from rtbplatform.local.traffic import Traffic
from tests.acceptance import truth
from tests.acceptance.observer import Observer
from tests.acceptance.own_campaign import BID_CPM_MICROS, COST_MICROS
from tests.acceptance.platform import NotAcceptedError, Platform, started, tell

CAMPAIGNS, SUPPLY = 20, 1.3
WARM_S, COOL_S = 40, 5
"""Load before the day begins, and after it ended."""


class Bounds(msgspec.Struct, frozen=True):
    minutes: int
    utilisation_min: float
    error_p95_max: float


FULL, SHORT = Bounds(10, 0.995, 0.02), Bounds(2, 0.98, 0.05)


class Day(msgspec.Struct, frozen=True):
    starts_ms: int
    ends_ms: int

    @property
    def number(self) -> int:
        return self.starts_ms // (self.ends_ms - self.starts_ms)


class Buyer(msgspec.Struct, frozen=True):
    id: int
    domain: str
    budget_micros: int


class Sample(msgspec.Struct, frozen=True):
    at_ms: int
    spent: dict[int, int]


def next_day(minutes: int) -> Day:
    """The next one that is far enough away to warm up before it."""
    length = minutes * 60_000
    starts_ms = ((truth.now_ms() + (WARM_S + 5) * 1000) // length + 1) * length
    return Day(starts_ms, starts_ms + length)


def buyers(platform: Platform, impressions: int) -> list[Buyer]:
    """Campaigns of sites of their own, with a budget for so many impressions a day."""
    tag = secrets.token_hex(4)
    asked = [
        {
            "name": f"pacing-{tag}-{number}",
            "budget_micros": impressions * COST_MICROS,
            "bid_cpm_micros": BID_CPM_MICROS,
            "domains": [f"pacing-{tag}-{number}.example"],
            "pacing": "even",
        }
        for number in range(CAMPAIGNS)
    ]
    made = platform.inside("campaigns", asked)
    return [
        Buyer(one["id"], fields["domains"][0], fields["budget_micros"])
        for one, fields in zip(made, asked, strict=True)
    ]


def source(sites: Sequence[str]) -> Source:
    """First-price display requests, each of a site at random."""
    traffic, rng = Traffic(secrets.token_hex(8)), random.Random(1)

    def make(number: int) -> Made:
        generated = traffic.make(number, "site")
        site = rng.choice(sites)
        request = json.loads(generated.body)
        request |= {"at": 1, "tmax": 2000}
        request["site"] |= {"domain": site, "page": f"https://{site}/{number}"}
        request["imp"][0]["banner"] = {"format": [{"w": 300, "h": 250}]}
        return generated.kind, generated.id, json.dumps(request).encode()

    return make


def spent(connection: truth.Connection, day: Day, campaigns: list[int]) -> Sample:
    """What pacing steers: settled and held money of the day."""
    at_ms = truth.now_ms()
    rows = connection.execute(
        """SELECT campaign_id, settled_micros + held_micros FROM escrow_campaign_day
        WHERE day = %s AND campaign_id = ANY(%s)""",
        (day.number, campaigns),
    ).fetchall()
    return Sample(at_ms, {int(row[0]): int(row[1]) for row in rows})


def watch(platform: Platform, day: Day, campaigns: list[int]) -> list[Sample]:
    """A sample each second of the day, and a last one when all of it is settled."""
    pause, samples = threading.Event(), []
    with truth.connected(platform) as connection:
        while (now_ms := truth.now_ms()) < day.ends_ms:
            pause.wait(max(0.0, (max(now_ms // 1000 * 1000 + 1000, day.starts_ms) - now_ms) / 1000))
            if day.starts_ms <= truth.now_ms() < day.ends_ms:
                samples.append(spent(connection, day, campaigns))
                if len(samples) % 60 == 0:
                    tell(f"          {len(samples)} s: {sum(samples[-1].spent.values())} micros")
        pause.wait(COOL_S + 5)
        samples.append(spent(connection, day, campaigns))
    return samples


def errors(platform: Platform, day: Day, bought: list[Buyer], samples: list[Sample]) -> list[float]:
    """|spent - planned| / budget of every sample and campaign, the smallest first."""
    at_ms = [sample.at_ms for sample in samples]
    due = platform.inside(
        "due",
        {
            "campaigns": [one.id for one in bought],
            "starts_ms": day.starts_ms,
            "ends_ms": day.ends_ms,
            "at_ms": at_ms,
        },
    )
    return sorted(
        abs(sample.spent.get(one.id, 0) / one.budget_micros - part)
        for one in bought
        for sample, part in zip(samples, due[str(one.id)], strict=True)
    )


def check(platform: Platform, bounds: Bounds, rate: float) -> None:
    """Raises NotAcceptedError."""
    platform.require_quiet()
    supply = rate * bounds.minutes * 60 / CAMPAIGNS
    bought = buyers(platform, int(supply / SUPPLY))
    ids = [one.id for one in bought]
    day = next_day(bounds.minutes)
    starts = time.strftime("%H:%M:%S", time.gmtime(day.starts_ms / 1000))
    tell(f"day       from {starts} UTC; {CAMPAIGNS} budgets of {bought[0].budget_micros} micros")
    threading.Event().wait((day.starts_ms - truth.now_ms()) / 1000 - WARM_S)
    observer = Observer(platform)
    seconds = WARM_S + bounds.minutes * 60 + COOL_S
    load = observer.load_in_background(
        source([one.domain for one in bought]), rate, seconds, window_s=60
    )
    samples = watch(platform, day, ids)
    load.join()
    final = samples.pop().spent
    delivered = {one.id: final.get(one.id, 0) / one.budget_micros for one in bought}
    for one in bought:
        tell(f"campaign  {one.id}: {delivered[one.id]:.2%} of its budget")
    total = sum(final.values()) / sum(one.budget_micros for one in bought)
    found = errors(platform, day, bought, samples)
    p95 = found[int(0.95 * len(found))]
    tell(f"delivered {total:.3%} of all budgets; the worst {min(delivered.values()):.3%}")
    tell(
        f"pacing    error p50 {found[len(found) // 2]:.2%}, p95 {p95:.2%}, most {found[-1]:.2%} of"
        f" the budget, over {len(samples)} samples of {CAMPAIGNS} campaigns"
    )
    observer.check_all_answered()
    if max(delivered.values()) > 1:
        raise NotAcceptedError("a budget was exceeded")
    if total < bounds.utilisation_min:
        raise NotAcceptedError(f"delivered {total:.3%}, less than {bounds.utilisation_min:.1%}")
    if p95 > bounds.error_p95_max:
        raise NotAcceptedError(f"pacing error p95 {p95:.2%}, above {bounds.error_p95_max:.0%}")
    platform.manage("check_invariants")
    tell("check_invariants: nothing found")


def main() -> int:
    """0 = accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=FULL.minutes, help="of a day")
    parser.add_argument("--rate", type=float, default=80.0, help="requests a second")
    parser.add_argument("--short", action="store_true", help="a day of 2 minutes")
    asked = parser.parse_args()
    bounds = SHORT if asked.short else msgspec.structs.replace(FULL, minutes=asked.minutes)
    settings = {
        "PROTOCOL_TIME_DIVISOR": "10",
        "BUDGET_DAY_SECONDS": str(bounds.minutes * 60),
        "BIDDERS": "2",
    }
    try:
        with (
            tempfile.TemporaryDirectory(prefix="rtb-pacing-", ignore_cleanup_errors=True) as folder,
            started(Path(folder), **settings) as platform,
        ):
            check(platform, bounds, asked.rate)
    except NotAcceptedError as finding:
        tell(f"FAIL  {finding}")
        return 1
    tell("PASS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
