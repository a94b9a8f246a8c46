"""The treasury: one process per region that grants leases, settles streams and keeps budgets in force."""
