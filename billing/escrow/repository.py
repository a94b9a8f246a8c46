"""Names that moved to `billing.escrow.sql`."""

from billing.escrow.sql import at_ms, columns, execute, fetch, from_ms

__all__ = ["at_ms", "columns", "execute", "fetch", "from_ms"]
