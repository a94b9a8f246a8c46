"""The budget protocol's invariants that can be seen from inside (E2, E3, E4, E7, E8), asked of the tables.

Each is a query for what contradicts it; the answer should be nothing. All are read in one snapshot of the database.
The check of every minute looks at what is still moving: days that are not closed, transactions of the last hour.
"""

from __future__ import annotations

from django.db import connection, transaction
from msgspec import Struct

ROWS_MAX = 50
EVERYTHING = {"day": "true", "posted": "true", "stream": "true"}
MOVING = {
    "day": "NOT d.is_closed",
    "posted": "t.posted_at > now() - interval '1 hour'",
    "stream": "false",  # streams without gaps are what the audit's verification of new chunks sees
}
"""What the places in CHECKS stand for."""


class Violation(Struct, frozen=True):
    invariant: str
    subject: str
    text: str


CHECKS: dict[str, str] = {
    "E2 budget = sum of its terms": """
        SELECT format('campaign %s day %s', campaign_id, day),
            format('budget %s, terms %s', budget_micros, available_micros + allocated_micros + leased_micros + held_micros
                + settled_micros + quarantined_micros + written_off_micros)
        FROM escrow_campaign_day d
        WHERE {day} AND (budget_micros <> available_micros + allocated_micros + leased_micros + held_micros
                + settled_micros + quarantined_micros + written_off_micros OR least(available_micros, allocated_micros,
            leased_micros, held_micros, settled_micros, quarantined_micros, written_off_micros) < 0)
    """,
    "E2 allocated = unleased of its regions": """
        SELECT format('campaign %s day %s', d.campaign_id, d.day),
            format('allocated %s, regions %s', d.allocated_micros, coalesce(r.total, 0))
        FROM escrow_campaign_day d LEFT JOIN LATERAL (
            SELECT sum(unleased_micros) AS total FROM escrow_region_allocation r
            WHERE (r.advertiser_id, r.campaign_id, r.day) = (d.advertiser_id, d.campaign_id, d.day)) r ON true
        WHERE {day} AND d.allocated_micros <> coalesce(r.total, 0)
    """,
    "E3 leased, settled, held = its leases": """
        SELECT format('campaign %s day %s', d.campaign_id, d.day),
            format('leased %s, settled and held %s; its leases %s, %s', d.leased_micros,
                d.settled_micros + d.held_micros + coalesce(h.blocked, 0), coalesce(l.leased, 0), coalesce(l.spent, 0))
        FROM escrow_campaign_day d LEFT JOIN LATERAL (
            SELECT sum(settled_micros - released_micros) AS spent,
                sum(amount_micros - settled_micros) FILTER (WHERE state = 'open') AS leased
            FROM escrow_lease l WHERE l.campaign_id = d.campaign_id AND l.day = d.day) l ON true
        LEFT JOIN LATERAL (
            SELECT sum(amount_micros) AS blocked FROM escrow_hold h
            WHERE h.campaign_id = d.campaign_id AND h.day = d.day AND h.state = 'quarantined') h ON true
        WHERE {day} AND (d.leased_micros <> coalesce(l.leased, 0)
            OR d.settled_micros + d.held_micros + coalesce(h.blocked, 0) <> coalesce(l.spent, 0))
    """,
    "held and late = its holds": """
        SELECT format('campaign %s day %s', d.campaign_id, d.day), format('held %s, late at least %s; its holds %s, %s',
            d.held_micros, d.late_micros, coalesce(h.held, 0), coalesce(h.late, 0))
        FROM escrow_campaign_day d LEFT JOIN LATERAL (
            SELECT sum(amount_micros) FILTER (WHERE state = 'held') AS held, sum(late_micros) AS late
            FROM escrow_hold h WHERE h.campaign_id = d.campaign_id AND h.day = d.day) h ON true
        WHERE {day} AND (d.held_micros <> coalesce(h.held, 0) OR d.late_micros < coalesce(h.late, 0))
    """,
    "quarantined = leases and holds in quarantine": """
        SELECT format('campaign %s day %s', d.campaign_id, d.day), format('quarantined %s; leases %s, holds %s',
            d.quarantined_micros, coalesce(l.rest, 0), coalesce(h.blocked, 0))
        FROM escrow_campaign_day d LEFT JOIN LATERAL (
            SELECT sum(amount_micros - settled_micros) AS rest FROM escrow_lease l
            WHERE l.campaign_id = d.campaign_id AND l.day = d.day AND l.state = 'quarantined') l ON true
        LEFT JOIN LATERAL (
            SELECT sum(amount_micros) AS blocked FROM escrow_hold h
            WHERE h.campaign_id = d.campaign_id AND h.day = d.day AND h.state = 'quarantined') h ON true
        WHERE {day} AND d.quarantined_micros <> coalesce(l.rest, 0) + coalesce(h.blocked, 0)
    """,
    "a hold is captured once, within its amount": """
        SELECT format('hold %s imp %s', debit_id, imp), format('%s of %s captured, %s late, %s', captured_micros,
            amount_micros, late_micros, state)
        FROM escrow_hold WHERE captured_micros > amount_micros OR (state <> 'captured' AND captured_micros > 0)
            OR (seq > 0 AND late_micros > amount_micros)
    """,
    "E3 debits <= the lease's amount": """
        SELECT format('lease %s', id), format('settled %s, returned %s of %s', settled_micros, returned_micros,
            amount_micros)
        FROM escrow_lease WHERE settled_micros + returned_micros > amount_micros
            OR (state <> 'open' AND state <> 'quarantined' AND settled_micros + returned_micros <> amount_micros)
    """,
    "E4 no lease of an ended stream is open": """
        SELECT format('lease %s', l.id), format('incarnation %s is %s', i.id, i.state)
        FROM escrow_lease l JOIN escrow_incarnation i ON i.id = l.incarnation_id
        WHERE (l.state = 'open' AND i.state IN ('closed', 'quarantined'))
            OR (l.state = 'quarantined' AND i.state <> 'quarantined')
    """,
    "scopes = sum of their days": """
        SELECT format('%s of advertiser %s campaign %s', s.kind, s.advertiser_id, s.campaign_id),
            format('committed %s, days %s', s.committed_micros, coalesce(d.total, 0))
        FROM escrow_scope s LEFT JOIN LATERAL (
            SELECT sum(d.budget_micros - d.available_micros - d.written_off_micros) AS total FROM escrow_campaign_day d
            WHERE d.advertiser_id = s.advertiser_id AND (s.kind = 'balance' OR d.campaign_id = s.campaign_id)) d ON true
        WHERE s.committed_micros <> coalesce(d.total, 0)
    """,
    "balance's limit = deposits + credit": """
        SELECT format('advertiser %s', s.advertiser_id),
            format('limit %s, deposits %s, credit %s', s.limit_micros, coalesce(t.total, 0), s.credit_micros)
        FROM escrow_scope s LEFT JOIN (
            SELECT advertiser_id, sum(amount_micros) AS total FROM ledger_transaction WHERE kind = 'deposit' GROUP BY 1) t
            USING (advertiser_id)
        WHERE s.kind = 'balance' AND s.limit_micros <> coalesce(t.total, 0) + s.credit_micros
    """,
    "E7 transactions sum to zero": """
        SELECT format('transaction %s/%s', p.advertiser_id, p.transaction_no),
            format('%s: %s', p.currency, sum(p.amount_micros))
        FROM ledger_posting p JOIN ledger_transaction t ON t.advertiser_id = p.advertiser_id AND t.no = p.transaction_no
        WHERE {posted} GROUP BY p.advertiser_id, p.transaction_no, p.currency HAVING sum(p.amount_micros) <> 0
    """,
    "E7 every transaction has its postings": """
        SELECT format('transaction %s/%s', t.advertiser_id, t.no), 'no posting'
        FROM ledger_transaction t WHERE {posted} AND NOT EXISTS (
            SELECT 1 FROM ledger_posting p WHERE p.advertiser_id = t.advertiser_id AND p.transaction_no = t.no)
    """,
    "E7 transactions are numbered without gaps": """
        SELECT format('advertiser %s', s.advertiser_id), format('last %s, count %s', s.last_no, coalesce(t.count, 0))
        FROM ledger_advertiser_sequence s LEFT JOIN (
            SELECT advertiser_id, count(*) AS count FROM ledger_transaction GROUP BY 1) t USING (advertiser_id)
        WHERE {stream} AND s.last_no <> coalesce(t.count, 0)
    """,
    "ledger = settled, less what is forgiven": """
        SELECT format('campaign %s day %s', d.campaign_id, d.day), format('settled %s, forgiven %s, late %s; ledger %s, %s',
            d.settled_micros, d.forgiven_micros, d.late_micros, coalesce(t.spent, 0), coalesce(t.lost, 0))
        FROM escrow_campaign_day d LEFT JOIN LATERAL (
            SELECT -sum(amount_micros) AS spent, sum(p.lost) AS lost FROM ledger_transaction t
            LEFT JOIN LATERAL (
                SELECT sum(p.amount_micros) AS lost FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
                WHERE p.advertiser_id = t.advertiser_id AND p.transaction_no = t.no AND a.kind = 'loss'
                    AND t.kind IN ('loss', 'forgiven')) p ON true
            WHERE t.kind IN ('spend', 'loss', 'forgiven') AND t.campaign_id = d.campaign_id AND t.day = d.day) t ON true
        WHERE {day} AND (d.settled_micros - d.forgiven_micros <> coalesce(t.spent, 0)
            OR d.late_micros + d.forgiven_micros <> coalesce(t.lost, 0))
    """,
    "forgiven = excess that is spent": """
        SELECT format('campaign %s day %s', campaign_id, day), format('forgiven %s, excess %s, settled %s',
            forgiven_micros, excess_micros, settled_micros)
        FROM escrow_campaign_day d WHERE {day} AND (excess_micros > greatest(0, budget_micros - asked_micros)
            OR forgiven_micros > settled_micros)
    """,
    "E8 cursor = stored chunks, without gaps": """
        SELECT format('incarnation %s', i.id), format('cursor %s, chunks to %s with %s entries', i.settled_seq,
            coalesce(c.last, 0), coalesce(c.entries, 0))
        FROM escrow_incarnation i LEFT JOIN (
            SELECT incarnation_id, max(last_seq) AS last, sum(last_seq - first_seq + 1) AS entries
            FROM audit_chunk GROUP BY 1) c ON c.incarnation_id = i.id
        WHERE {stream} AND (i.settled_seq <> coalesce(c.last, 0) OR i.settled_seq <> coalesce(c.entries, 0))
    """,
}


@transaction.atomic
def find_violations(*, moving_only: bool = False) -> list[Violation]:
    """All that contradicts an invariant, at most ROWS_MAX per invariant. Raises django.db.Error."""
    found: list[Violation] = []
    places = MOVING if moving_only else EVERYTHING
    with connection.cursor() as cursor:
        if not connection.savepoint_ids:
            # One snapshot for all queries: between two of them money moves. Not possible inside another transaction.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for invariant, query in CHECKS.items():
            cursor.execute(f"SELECT * FROM ({query.format(**places)}) AS v LIMIT {ROWS_MAX}")  # noqa: S608 - constants
            found += [Violation(invariant, row[0], row[1]) for row in cursor.fetchall()]
    return found
