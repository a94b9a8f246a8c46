"""What money does: escrow, settlement, ledger, audit."""
