"""Bugs in grants, upkeep, marks, census and quarantine."""

from __future__ import annotations

from tests.simulation.bugs.planting import bug

BOOK = "billing.escrow.values:Book.headroom"
COMMIT = (
    "billing.escrow.values:Scope.commit",
    "if amount > 0 and self.room is not None and amount > self.room:",
    "if False:",
)
RESTORES = ("postgres_restored", "postgres_failed_over")

BUGS = (
    bug(
        "balance_not_checked",
        "grants look at the campaign's total only, not at the advertiser's balance",
        (BOOK, "(self.balance, self.total)", "(self.total,)"),
        (
            "billing.escrow.values:Book.must_return",
            "(self.balance.room, self.total.room)",
            "(self.total.room,)",
        ),
        COMMIT,
    ),
    bug(
        "total_not_checked",
        "grants look at the advertiser's balance only, not at the campaign's total",
        (BOOK, "(self.balance, self.total)", "(self.balance,)"),
        (
            "billing.escrow.values:Book.must_return",
            "(self.balance.room, self.total.room)",
            "(self.balance.room,)",
        ),
        COMMIT,
    ),
    bug(
        "region_row_keeps_what_it_leased",
        "a lease is not taken off its region's row",
        (
            "billing.escrow.allocator:grant",
            "unleased + missing - amount, amount)",
            "unleased + missing, amount)",
        ),
    ),
    bug(
        "budget_cut_ignored",
        "a lower budget is noted as in force and does not count",
        (
            "billing.escrow.coordinator:change_budget",
            "replace(day, asked=asked, version=version)",
            "replace(day, asked=max(asked, day.asked), version=version)",
        ),
    ),
    bug(
        "total_cut_ignored",
        "a lower total limit is not brought into force",
        (
            "billing.escrow.upkeep:_apply",
            "store.set_totals(wanted)",
            "pass",
        ),
    ),
    bug(
        "rebalance_beyond_headroom",
        "regions get what they ask for, whatever there is",
        (
            "billing.escrow.allocator:spread",
            "missing = min(targets[region] - after[region], book.headroom)",
            "missing = targets[region] - after[region]",
        ),
        (
            "billing.escrow.coordinator:allocate",
            "if not 0 <= amount <= book.headroom:",
            "if False:",
        ),
        COMMIT,
    ),
    bug(
        "scopes_not_given_back",
        "money that comes back to a campaign-day stays committed in its scopes",
        (
            "billing.escrow.coordinator:release",
            "balance, total = book.balance.commit(-amount), book.total.commit(-amount)",
            "balance, total = book.balance, book.total",
        ),
    ),
    bug(
        "release_without_waiting_for_all",
        "a hold is released as soon as its mark was made, whatever is still under way",
        (
            "billing.escrow.marks:release",
            "min((one.mark for one in store.unclosed()), default=ALL_MARKS)",
            "ALL_MARKS",
        ),
    ),
    bug(
        "mark_without_horizon",
        "holds get their mark before their horizon ends",
        ("billing.escrow.marks:make", "now_ms = store.now_ms()", "now_ms = store.now_ms() + 5_000"),
    ),
    bug(
        "lost_notices_do_not_block",
        "a hold whose notice may have died with a lost disk is released",
        ("billing.escrow.marks:blocker", "if is_older and (", "if False and ("),
        faults=("disk_lost", "outbox_deleted"),
    ),
    bug(
        "census_skipped",
        "a started Postgres grants before anybody was heard",
        ("billing.escrow.census:is_ready", "return census.awaits", "return True or census.awaits"),
        faults=RESTORES,
    ),
    bug(
        "journal_not_compared",
        "lives that a restore has lost are not put back",
        (
            "billing.escrow.census:_compare",
            "_insert_lost(store, journal) and",
            "0 and",
        ),
        (
            "billing.escrow.incarnations:register",
            "message.incarnation in journal.lives() or",
            "False or",
        ),
        faults=(*RESTORES, "banker_paused", "cut_from_redis"),
    ),
    bug(
        "budgets_not_frozen",
        "a restored database grants from a budget that was cut since",
        (
            "billing.escrow.census:_compare",
            "_freeze_outdated(store, journal)",
            "pass",
        ),
        faults=(*RESTORES, "budget_cut"),
    ),
    bug(
        "quarantine_gives_back",
        "leases of a lost disk go back to their regions",
        (
            "billing.escrow.quarantine:_move",
            "    day.quarantined += amount\n",
            "    effects.give_back(lease, amount)\n",
        ),
        faults=("disk_lost", "outbox_deleted"),
    ),
    bug(
        "adopted_outside_scopes",
        "an adopted lease is not counted in balance and total",
        (
            "billing.escrow.coordinator:adopt",
            "book.balance.adopt(amount), book.total.adopt(amount)",
            "book.balance, book.total",
        ),
        faults=RESTORES,
    ),
    bug(
        "adopt_without_excess",
        "an adopted lease for which there is no money raises the budget for good",
        (
            "billing.escrow.coordinator:adopt",
            "excess=day.excess + beyond,",
            "excess=day.excess,",
        ),
        faults=(*RESTORES, "budget_raised"),
    ),
    bug(
        "recovered_and_captured",
        "what notices took from a lost disk's leases stays taken when the disk is found",
        (
            "billing.escrow.quarantine:reopen",
            "if not is_vacant(hold):",
            "if False:",
        ),
        faults=("disk_lost", "outbox_deleted", "cut_from_redis", "redis_killed"),
    ),
    bug(
        "written_off_not_freed",
        "what a sign-off frees stays committed",
        (
            "billing.escrow.write_off:_freed",
            "balances[pair[0]].commit(-one.written_off)",
            "balances[pair[0]]",
        ),
        faults=("disk_lost", "outbox_deleted"),
    ),
)
