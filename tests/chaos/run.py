"""One chaos run from the first campaign to the last line of the verdict."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from tests.acceptance import truth
from tests.acceptance.platform import Platform, tell, wait_until
from tests.chaos import scene as scenes
from tests.chaos import schedule, verdict
from tests.chaos.clerk import Clerk
from tests.chaos.confirm import confirm_as_a_person
from tests.chaos.faults import Faults
from tests.chaos.hands import Hands
from tests.chaos.healing import healed
from tests.chaos.market import Market, show
from tests.chaos.scene import Scene
from tests.chaos.verdict import Line

WARM_UP_S = 5.0
READY_WITHIN_S = 60.0
HEALING_S = 45.0


class Options(msgspec.Struct, frozen=True):
    """Of one run."""

    seed: int
    minutes: float
    day_seconds: int
    every_s: float
    short: bool
    both_modes: bool
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    keep: Path | None = None

    @property
    def healing_s(self) -> float:
        """In a long run the faults end so long before the first whole day without any."""
        return 0.0 if self.short else HEALING_S


class Times(msgspec.Struct, frozen=True):
    """In seconds from now, and which days are whole and without faults."""

    faults_s: float
    total_s: float
    whole_days: range


def times(asked: Options, now_s: float) -> Times:
    """A long run ends with a day, so that its second half is whole days."""
    day_s = asked.day_seconds
    total_s = asked.minutes * 60
    end_s = now_s + total_s
    if not asked.short:
        end_s = max(round(end_s / day_s) * day_s, now_s + total_s - day_s / 2)
    faults_end_s = end_s - total_s / 2
    first, last = -int(-faults_end_s // day_s), int(end_s // day_s)
    return Times(faults_end_s - now_s, end_s - now_s, range(first, last))


def make_scene(platform: Platform, asked: Options) -> Scene:
    """Through the platform's services."""
    made = platform.inside(
        "scene",
        {
            "advertisers": scenes.ADVERTISERS,
            "campaigns": msgspec.to_builtins(scenes.planned(asked.seed, asked.day_seconds)),
            "exchanges": scenes.exchanges(both_modes=asked.both_modes),
        },
        module="tests.chaos.inside",
    )
    return msgspec.convert(made, Scene)


def make_schedule(asked: Options, seconds: float) -> list[schedule.Planned]:
    kinds = [kind for kind in asked.only or schedule.ALL if kind not in asked.without]
    return schedule.make(asked.seed, seconds, kinds=kinds, every_s=asked.every_s)


def run(platform: Platform, asked: Options) -> bool:
    """Whether everything held."""
    scene = make_scene(platform, asked)
    hands, clerk = Hands(platform), Clerk(platform, scene)
    market = Market(platform, scene, asked.seed, asked.day_seconds)
    campaigns = [one.id for one in scene.campaigns]
    faults = Faults(hands, clerk, asked.seed, campaigns, short=asked.short)
    planned_times = times(asked, time.time())
    tell(
        f"load      {market.rate:.0f} requests/s for {planned_times.total_s:.0f} s, "
        f"faults for {planned_times.faults_s:.0f} s"
    )
    market.start(planned_times.total_s)
    lines: list[Line] = []
    with truth.connected(platform) as probe:
        wait_until(lambda: _days(probe) > 0, within_s=READY_WITHIN_S, what="campaign-days open")
    try:
        hands.wait(WARM_UP_S)
        faults.run(make_schedule(asked, planned_times.faults_s - WARM_UP_S - asked.healing_s))
    finally:
        hands.let_go()
    over_s = time.monotonic()
    market.be_faultless()
    tell("          the faults are over")
    wait_until(platform.ready, within_s=READY_WITHIN_S, what="console and bidders answer")
    with truth.connected(platform) as connection:
        lines.append(healed(connection, over_s))
    lines[-1].tell()
    lines.append(_mended(platform, clerk, faults))
    market.join()
    return _judge(platform, scene, asked, planned_times, market, clerk, hands, faults, lines)


def _mended(platform: Platform, clerk: Clerk, faults: Faults) -> Line:
    """What people do after a disaster: the owner asks again for what she wants, an operator confirms what is frozen."""
    clerk.back_to_first()
    failed = clerk.say_again()
    frozen: list[int] = []
    if faults.restored:
        frozen = confirm_as_a_person(platform)
    figure = f"{len(failed)} campaigns cannot be edited {failed[:5] or ''}; {len(frozen)} confirmed"
    return Line("edits", figure, not failed)


def _judge(
    platform: Platform,
    scene: Scene,
    asked: Options,
    planned_times: Times,
    market: Market,
    clerk: Clerk,
    hands: Hands,
    faults: Faults,
    lines: list[Line],
) -> bool:
    seen = market.seen
    with truth.connected(platform) as connection:
        compared = verdict.compare(connection, seen, hands.lost_outboxes)
        unbalanced = truth.unbalanced(connection)
    report = verdict.read_report(platform, asked.day_seconds)
    horizons = {one.slug: one.horizon_s for one in scene.exchanges}
    on_notice = {one.id for one in scene.campaigns if horizons[one.planned.exchange]}
    lines += [
        Line(
            "faults",
            ", ".join(f"{kind} {count}" for kind, count in sorted(faults.counts().items())),
        ),
        Line("not done", f"{sum(bool(one.failed) for one in faults.done)} faults"),
        Line("relay", f"{faults.doubled} letters doubled, {faults.shuffled} shuffled"),
        Line("load", show(seen)),
        verdict.sold_again(seen, max((one.to_ms for one in faults.done), default=0)),
        verdict.excess(seen, report, clerk),
        *verdict.comparison_lines(compared, seen, report),
        verdict.books(compared, report, on_notice),
        verdict.platform_loss(seen, report, on_notice),
        Line("E7", f"{unbalanced} ledger transactions do not sum to zero", not unbalanced),
        verdict.command(platform, "check_invariants"),
        verdict.command(platform, "verify_audit"),
        verdict.utilisation(
            report,
            planned_times.whole_days,
            [one.id for one in scene.campaigns],
            judged=not asked.short,
        ),
    ]
    for line in lines:
        line.tell()
    return all(line.passed is not False for line in lines)


def _days(connection: truth.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM escrow_campaign_day").fetchone()
    assert row is not None
    return int(row[0])
