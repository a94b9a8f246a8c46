"""What the rules look at: the facts of a request that may show it is not a person's."""

from __future__ import annotations

import msgspec


class Traffic(msgspec.Struct, frozen=True):
    ip: str = ""
    ipv6: str = ""
    user_agent: str = ""
    os: str = ""
    domain: str = ""
    bundle: str = ""
    publisher: str = ""
    user: str = ""
    """Hex of the keyed hash; empty = not known."""
    lat: float | None = None
    lon: float | None = None
    width: int = 0
    height: int = 0
    schain_gap: bool = False
    """A node of the supply chain lacks asi or sid."""
