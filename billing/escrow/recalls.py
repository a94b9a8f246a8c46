"""Which open leases of a region their bankers must be asked for: recalled, or past their term (R1, R4)."""

from __future__ import annotations

from collections import defaultdict

from billing.escrow.grants import LEASE_COLUMNS, lease_of_row
from billing.escrow.repository import fetch, from_ms
from rtbplatform.kernel.protocol import Lease

MAIL_MAX = 500
"""Leases per round: what is left over is asked for in the next."""


def leases_to_recall(region: str, now_ms: int) -> dict[bytes, list[bytes]]:
    """Lease ids by incarnation: paused, cut below what is out, or a limit above was. Repeated until they are sealed."""
    rows = fetch(
        """
        SELECT l.incarnation_id, l.id
        FROM escrow_lease l
        JOIN escrow_incarnation i ON i.id = l.incarnation_id AND i.state = 'open'
        JOIN escrow_campaign_day d USING (advertiser_id, campaign_id, day)
        JOIN escrow_scope b ON b.advertiser_id = l.advertiser_id AND b.kind = 'balance' AND b.campaign_id = 0
        JOIN escrow_scope t ON t.advertiser_id = l.advertiser_id AND t.kind = 'total' AND t.campaign_id = l.campaign_id
        WHERE l.state = 'open' AND l.region = %s AND d.ends_at > %s AND (
            NOT d.is_running OR d.budget_micros > d.asked_micros
            OR b.committed_micros > b.limit_micros OR t.committed_micros > t.limit_micros)
        ORDER BY l.granted_at LIMIT %s
        """,
        [region, from_ms(now_ms), MAIL_MAX],
    )
    recalled: dict[bytes, list[bytes]] = defaultdict(list)
    for incarnation, lease in rows:
        recalled[incarnation.bytes].append(lease.bytes)
    return dict(recalled)


def leases_past_term(region: str, now_ms: int, lease_key: bytes) -> dict[bytes, list[Lease]]:
    """Leases by incarnation that should have been sealed by now. The lease itself is sent: it may never have arrived."""
    rows = fetch(
        f"""
        SELECT {", ".join("l." + name for name in LEASE_COLUMNS.split(", "))}
        FROM escrow_lease l JOIN escrow_incarnation i ON i.id = l.incarnation_id AND i.state = 'open'
        WHERE l.state = 'open' AND l.region = %s AND l.expires_at <= %s
        ORDER BY l.expires_at LIMIT %s
        """,  # noqa: S608 - constants
        [region, from_ms(now_ms), MAIL_MAX],
    )
    late: dict[bytes, list[Lease]] = defaultdict(list)
    for row in rows:
        late[row[3].bytes].append(lease_of_row(row, lease_key))
    return dict(late)
