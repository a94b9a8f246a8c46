"""A budget for 100 impressions, offered 5,000 requests at once to two bidders: never one too many, at least 98."""

import sys

import pytest

from tests.acceptance import case, truth
from tests.acceptance.observer import Observer
from tests.acceptance.own_campaign import COST_MICROS, own_campaign
from tests.acceptance.platform import NotAcceptedError, Platform, tell, wait_until

IMPRESSIONS, DELIVERED_MIN, CONNECTIONS = 100, 98, 64


def check(platform: Platform, *, short: bool = False) -> None:
    """5,000 requests by 64 connections; short: 2,500."""
    total = 2500 if short else 5000
    with own_campaign(platform, IMPRESSIONS) as campaign, truth.connected(platform) as connection:
        observer = Observer(platform)
        observer.closed_loop(total, connections=CONNECTIONS, source=campaign.source(total))
        observer.check_all_answered()
        seen = observer.spent()[str(campaign.id)]
        tell(f"seen      {seen / COST_MICROS:g} impressions of {IMPRESSIONS}, {seen} micros")
        if seen > campaign.budget_micros:
            raise NotAcceptedError(f"over budget: {seen} of {campaign.budget_micros} micros")
        if seen < DELIVERED_MIN * COST_MICROS:
            raise NotAcceptedError(f"only {seen / COST_MICROS:g} impressions delivered")

        def settled() -> bool:
            return truth.books(connection).settled.get(campaign.id, 0) == seen

        wait_until(settled, within_s=60, what=f"{seen} micros settled")
        tell("settled   the same")


@pytest.mark.slow
def test_a_budget_for_100_impressions_is_delivered_and_never_exceeded(platform: Platform) -> None:
    check(platform, short=True)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__, TRAFFIC="0", BIDDERS="2"))
