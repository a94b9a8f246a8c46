"""Escrow's store in Postgres: `EscrowStore` with rows, their locks and nothing else. All SQL of escrow is in postgres_*."""

from __future__ import annotations

from billing.escrow.postgres_budgets import BudgetRows
from billing.escrow.postgres_census import CensusRows
from billing.escrow.postgres_days import DayRows
from billing.escrow.postgres_holds import HoldRows
from billing.escrow.postgres_leases import LeaseRows


class PgEscrowStore(CensusRows, DayRows, LeaseRows, BudgetRows, HoldRows):
    """One for all threads of a process: each has its own connection, and nothing is kept here."""
