"""Double-entry ledger: what was paid, spent and owed, as postings that never change."""
