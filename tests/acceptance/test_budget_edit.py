"""A raised budget is in force at the bidders within 2 s: a campaign that had spent all bids again."""

import sys

import pytest

from tests.acceptance import case, truth
from tests.acceptance.observer import Observer
from tests.acceptance.own_campaign import COST_MICROS, OwnCampaign, own_campaign
from tests.acceptance.platform import NotAcceptedError, Platform, tell, wait_until

IN_FORCE_WITHIN_S = 2.0
FIRST, RAISED = 20, 40


def check(platform: Platform, *, short: bool = False) -> None:
    """Spends 20 impressions, raises to 40 under load, and looks for the 21st. (There is no shorter form.)"""
    with own_campaign(platform, FIRST) as campaign:
        observer = Observer(platform)
        load = observer.load_in_background(campaign.source(20_000), rate=100, seconds=25)

        def sold() -> int:
            return observer.spent()[str(campaign.id)] // COST_MICROS

        wait_until(lambda: sold() >= FIRST, within_s=15, what=f"{FIRST} impressions sold")
        asked_ms = truth.now_ms()
        saved_ms = platform.inside(
            "budget", {"campaign": campaign.id, "budget_micros": RAISED * COST_MICROS}
        )
        wait_until(lambda: sold() > FIRST, within_s=10, what="a bid from the raised budget")
        took_s = (_first_after(observer, campaign, asked_ms) - saved_ms) / 1000
        tell(f"raised    the next bid came {took_s:.2f} s after the change was saved")
        load.join()
        if took_s > IN_FORCE_WITHIN_S:
            raise NotAcceptedError(f"in force only after {took_s:.2f} s")
        if sold() > RAISED:
            raise NotAcceptedError(f"{sold()} impressions of {RAISED} sold")
        tell(f"sold      {sold()} of {RAISED}")


def _first_after(observer: Observer, campaign: OwnCampaign, since_ms: int) -> float:
    """Unix ms at which the first of the campaign's bids arrived that was asked for after `since_ms`."""
    mark = f'"{campaign.id}"'.encode()
    return min(
        answer.sent_ms + answer.latency_ms
        for answer in list(observer.answers)
        if answer.sent_ms >= since_ms and answer.status == 200 and mark in answer.body
    )


@pytest.mark.slow
def test_a_raised_budget_is_in_force_within_two_seconds(platform: Platform) -> None:
    check(platform)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__))
