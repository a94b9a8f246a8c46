"""E10: when the faults are over, the platform heals by itself, but for what only a person can decide."""

from __future__ import annotations

import time

from tests.acceptance import truth
from tests.acceptance.platform import NotAcceptedError, wait_until
from tests.chaos.schedule import LEASE_TERM_S
from tests.chaos.verdict import Line

WITHIN_S = 2 * LEASE_TERM_S + 30
FOR_A_PERSON = ("outbox_lost", "outbox_copy", "late_bill", "platform_loss", "budget_frozen")
"""Alarms that stay until a person has decided: quarantined disks, frozen budgets, and losses, which the verdict looks at."""


def open_leases(connection: truth.Connection) -> int:
    """Of dead incarnations: every one but the newest of its pod."""
    row = connection.execute(
        "SELECT count(*) FROM escrow_lease l WHERE l.state = 'open' AND l.incarnation_id NOT IN ("
        "SELECT DISTINCT ON (region, pod) id FROM escrow_incarnation "
        "ORDER BY region, pod, started_at DESC)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def alarms(connection: truth.Connection) -> list[tuple[str, str, str]]:
    """Open ones that are not a person's to clear."""
    rows = connection.execute(
        "SELECT kind, subject, text FROM escrow_alarm WHERE cleared_at IS NULL ORDER BY raised_at"
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows if row[0] not in FOR_A_PERSON]


def healed(connection: truth.Connection, since_s: float) -> Line:
    """Waits for it. `since_s`: time.monotonic() at the end of the last fault."""

    def well() -> bool:
        return not open_leases(connection) and not alarms(connection)

    try:
        wait_until(well, within_s=max(1.0, WITHIN_S - (time.monotonic() - since_s)), what="healed")
    except NotAcceptedError:
        return Line(
            "healed",
            f"not within {WITHIN_S:.0f} s: {open_leases(connection)} leases of dead incarnations open, "
            f"alarms {alarms(connection)[:5]}",
            passed=False,
        )
    took_s = time.monotonic() - since_s
    return Line("healed", f"{took_s:.1f} s after the last fault (of {WITHIN_S:.0f})", passed=True)
