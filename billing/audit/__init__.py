"""Chunks of bankers' streams as they were committed, and what can be found in them."""
