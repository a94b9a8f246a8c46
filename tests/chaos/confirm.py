"""What a person does by command after a database was set back: waits for the census, confirms budgets that are frozen."""

from __future__ import annotations

from tests.acceptance import truth
from tests.acceptance.platform import Platform, tell, wait_until

REASON = "chaos run: it is what the owner's own record says"
CENSUS_WITHIN_S = 45.0


def confirm_as_a_person(platform: Platform) -> list[int]:
    """The campaigns that had to be confirmed; their budgets must be what their owner wants already.

    Raises NotAcceptedError when the census does not end or a command fails.
    """
    email = platform.facts["logins"]["operator"]["email"]
    with truth.connected(platform) as connection:
        wait_until(
            lambda: _census_is_over(connection), within_s=CENSUS_WITHIN_S, what="the census is over"
        )
        frozen = frozen_campaigns(connection)
    for campaign in frozen:
        platform.manage("confirm_budget", str(campaign), "--by", email, "--reason", REASON)
    if frozen:
        tell(f"          confirmed the budgets of campaigns {frozen}")
    return frozen


def frozen_campaigns(connection: truth.Connection) -> list[int]:
    """Those of which a newer budget is known than the database has."""
    rows = connection.execute(
        "SELECT campaign_id FROM escrow_freeze WHERE confirmed_at IS NULL ORDER BY 1"
    )
    return [int(row[0]) for row in rows]


def _census_is_over(connection: truth.Connection) -> bool:
    row = connection.execute(
        "SELECT completed_at IS NOT NULL FROM escrow_census ORDER BY no DESC LIMIT 1"
    ).fetchone()
    return row is not None and bool(row[0])
