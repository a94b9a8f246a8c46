"""What bidders need of the market: built from rows, sealed, and published through Redis."""
