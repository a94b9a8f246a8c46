"""Blocked addresses and networks, IPv4 and IPv6: one dictionary per prefix length that occurs.

Nested networks with different expiries stay exact, and a look-up costs one dictionary access per length.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from rtbplatform.kernel.snapshot import BlockView

BITS = {4: 32, 6: 128}


@lru_cache(maxsize=65_536)
def address_of(text: str) -> tuple[int, int] | None:
    """(IP version, address as an integer); an IPv4-mapped IPv6 address is IPv4. None for what is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


@lru_cache(maxsize=65_536)
def is_public(text: str) -> bool:
    """Whether packets from this address can cross the Internet; documentation ranges pass (they are in examples)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    special = address.is_loopback or address.is_unspecified or address.is_multicast
    return not (special or address.is_link_local or any(address in net for net in _PRIVATE))


_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


class Networks:
    """Blocks of kind ip and datacenter, by address."""

    __slots__ = ("_tables",)

    def __init__(self, blocks: Iterable[BlockView]) -> None:
        """A block whose value is no network is left out: it could never match."""
        by_shift: dict[int, dict[int, dict[int, BlockView]]] = {4: {}, 6: {}}
        for block in blocks:
            try:
                network = ipaddress.ip_network(block.value, strict=False)
            except ValueError:
                continue
            shift = BITS[network.version] - network.prefixlen
            table = by_shift[network.version].setdefault(shift, {})
            place = int(network.network_address) >> shift
            if place not in table or _outlives(block, table[place]):
                table[place] = block
        self._tables = {version: sorted(tables.items()) for version, tables in by_shift.items()}

    def find(self, text: str, now_ms: int) -> BlockView | None:
        """A block in force that covers the address, the narrowest first."""
        address = address_of(text)
        if address is None:
            return None
        version, number = address
        for shift, table in self._tables[version]:
            block = table.get(number >> shift)
            if block is not None and in_force(block, now_ms):
                return block
        return None


def in_force(block: BlockView, now_ms: int) -> bool:
    return not block.expires_ms or block.expires_ms > now_ms


def _outlives(block: BlockView, other: BlockView) -> bool:
    return bool(other.expires_ms) and (not block.expires_ms or block.expires_ms > other.expires_ms)
