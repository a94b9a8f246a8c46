"""Each invariant is seen to fail: a check that cannot is none."""

from __future__ import annotations

import pytest
from django.db import connection

from billing.escrow.models import Alarm
from billing.invariants import CHECKS, find_violations
from billing.tasks import check_all_invariants, check_invariants, close_past_days, verify_new_audit
from campaigns.models import Campaign
from tests.integration.billing.bank import Bank, change, debit

SABOTAGE = {
    "E2 allocated = unleased of its regions": "UPDATE escrow_region_allocation SET unleased_micros = 1 + unleased_micros",
    "E3 leased, settled, held = its leases": "DELETE FROM escrow_lease",
    "held and late = its holds": "DELETE FROM escrow_hold",
    "quarantined = leases and holds in quarantine": "UPDATE escrow_campaign_day SET quarantined_micros = 1, budget_micros = budget_micros + 1",
    "a hold is captured once, within its amount": "UPDATE escrow_hold SET captured_micros = amount_micros + 1",
    "forgiven = excess that is spent": "UPDATE escrow_campaign_day SET excess_micros = 5",
    "E4 no lease of an ended stream is open": "UPDATE escrow_incarnation SET state = 'closed'",
    "scopes = sum of their days": "UPDATE escrow_scope SET committed_micros = committed_micros + 1",
    "balance's limit = deposits + credit": "UPDATE escrow_scope SET limit_micros = 7 WHERE kind = 'balance'",
    "E7 transactions sum to zero": "UPDATE ledger_posting SET amount_micros = amount_micros + 1 WHERE line = 0",
    "E7 every transaction has its postings": "DELETE FROM ledger_posting",
    "E7 transactions are numbered without gaps": "UPDATE ledger_advertiser_sequence SET last_no = last_no + 1",
    "ledger = settled, less what is forgiven": "UPDATE ledger_transaction SET amount_micros = amount_micros - 1 WHERE kind = 'spend'",
    "E8 cursor = stored chunks, without gaps": "UPDATE escrow_incarnation SET settled_seq = settled_seq + 1",
}
BY_CONSTRAINT = {"E2 budget = sum of its terms", "E3 debits <= the lease's amount"}


@pytest.fixture
def some_money(bank: Bank, campaign: Campaign) -> None:
    """One lease spent from, held from and open, one sealed."""
    lease, sealed = bank.lease(campaign.pk), bank.lease(campaign.pk)
    held = debit(lease, 5, hold_ms=60_000)
    bank.settle(debit(lease, 30), held, change("sealed", sealed))
    assert find_violations() == []


def sabotage(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("ledger_posting", "ledger_transaction"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)


@pytest.mark.parametrize("invariant", SABOTAGE)
def test_a_violation_is_found(some_money: None, invariant: str) -> None:
    sabotage(SABOTAGE[invariant])
    assert invariant in {violation.invariant for violation in find_violations()}


def test_every_invariant_is_sabotaged_or_held_by_a_constraint() -> None:
    assert set(CHECKS) == SABOTAGE.keys() | BY_CONSTRAINT


def test_the_job_raises_alarms_and_clears_them(some_money: None) -> None:
    sabotage(SABOTAGE["scopes = sum of their days"])
    assert check_invariants() == 2
    assert Alarm.objects.filter(cleared_at=None).count() == 2
    assert check_invariants() == 2
    assert Alarm.objects.count() == 2
    sabotage("UPDATE escrow_scope SET committed_micros = committed_micros - 1")
    assert check_invariants() == 0
    assert not Alarm.objects.filter(cleared_at=None).exists()


def test_jobs_find_nothing_wrong_where_nothing_is(some_money: None) -> None:
    assert check_all_invariants() == 0
    assert verify_new_audit() == 0


def test_the_past_is_closed_by_the_job_as_well(bank: Bank, campaign: Campaign) -> None:
    sabotage("UPDATE escrow_campaign_day SET starts_at = '2020-01-01', ends_at = '2020-01-02'")
    assert close_past_days() == 1
