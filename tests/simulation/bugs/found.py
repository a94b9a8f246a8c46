"""The first seed that finds each planted bug."""

from __future__ import annotations

FOUND: dict[str, int] = {}
