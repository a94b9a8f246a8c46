"""The first seed that finds each planted bug."""

from __future__ import annotations

FOUND: dict[str, int] = {
    "accept_without_tombstone": 2,
    "answer_before_fsync": 3,
    "budget_cut_ignored": 29,
    "day_taken_at_arrival": 1,
    "last_chunk_not_chained": 1,
    "late_commit_is_not_void": 1,
    "mark_without_horizon": 21,
    "notice_acknowledged_and_lost": 1,
    "rebalance_beyond_headroom": 1,
    "recovery_forgets_debits": 2,
    "recovery_makes_unknown_void": 1,
    "refused_request_stays_debited": 1,
    "region_row_keeps_what_it_leased": 1,
    "release_without_waiting_for_all": 9,
    "same_money_twice_in_one_request": 1,
    "scopes_not_given_back": 1,
    "seal_before_the_last_debit": 1,
    "seal_forgets_debits": 1,
    "sealed_lease_spent": 1,
    "total_cut_ignored": 1,
    "total_not_checked": 2,
    "trust_a_stale_copy": 1,
    "two_voids": 1,
    "unknown_treated_as_void": 25,
}
