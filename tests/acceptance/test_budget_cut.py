"""A budget cut to half in mid-day, under load: nothing beyond the effective floor is ever spent."""

import sys

import pytest

from tests.acceptance import case, truth
from tests.acceptance.observer import Observer
from tests.acceptance.own_campaign import COST_MICROS, own_campaign
from tests.acceptance.people import Person
from tests.acceptance.platform import NotAcceptedError, Platform, tell, wait_until

BUDGET = 1_000
"""Impressions; the cut asks for half of what the campaign has sold by then, so that it is below the floor."""
SOLD_BEFORE = 300


def check(platform: Platform, *, short: bool = False) -> None:
    """Sells 300 of 1,000 impressions (short: 60), cuts, and looks at what is sold in the end."""
    sold_before = 60 if short else SOLD_BEFORE
    owner = Person(platform, "operator")
    with own_campaign(platform, BUDGET) as campaign, truth.connected(platform) as connection:
        observer = Observer(platform)
        load = observer.load_in_background(
            campaign.source(20_000), rate=80, seconds=15 if short else 30
        )

        def seen() -> int:
            return observer.spent()[str(campaign.id)]

        wait_until(
            lambda: seen() >= sold_before * COST_MICROS, within_s=25, what="impressions sold"
        )
        asked = seen() // 2
        status, body = owner.api(
            "PATCH", f"campaigns/{campaign.id}/budget/", {"daily_budget_micros": asked}
        )
        if status != 202:
            raise NotAcceptedError(f"the cut was answered {status}: {body}")
        told = body["effective_floor_micros"]
        floor = floor_at_the_cut(connection, campaign.id, body["budget_version"])
        tell(f"cut       to {asked} micros; told floor {told}, in force {floor}")
        load.join()
        if seen() > floor:
            raise NotAcceptedError(f"{seen()} micros seen, the floor was {floor}")
        tell(f"sold      {seen()} micros, never beyond the floor of {floor}")
        if seen() < sold_before * COST_MICROS:
            raise NotAcceptedError("less was sold than before the cut")


def floor_at_the_cut(connection: truth.Connection, campaign: int, version: int) -> int:
    """The budget in force when the campaign-day first has the version: it only sinks afterwards."""
    found: list[int] = []

    def applied() -> bool:
        row = connection.execute(
            "SELECT budget_micros FROM escrow_campaign_day WHERE campaign_id = %s AND version >= %s",
            (campaign, version),
        ).fetchone()
        if row is not None:
            found.append(int(row[0]))
        return row is not None

    wait_until(applied, within_s=5, what="the cut in force")
    return found[0]


@pytest.mark.slow
def test_a_cut_budget_is_never_spent_beyond_its_floor(platform: Platform) -> None:
    check(platform, short=True)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__))
