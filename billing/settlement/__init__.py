"""Takes bankers' streams exactly once, in order, into escrow, ledger and audit."""
