"""The values that escrow decisions are made over. Amounts are micros of the campaign's currency."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

Key = tuple[int, int, int]
"""A campaign-day: (advertiser, campaign, day)."""


class EscrowError(Exception):
    """A move of money that its holder does not have. Never clamped: whoever asked for it is wrong."""


class Day(Struct, frozen=True, kw_only=True):
    """A campaign-day: E2 holds in every value of it (`check`)."""

    advertiser: int
    campaign: int
    day: int
    asked: int
    budget: int
    version: int
    is_running: bool
    available: int = 0
    allocated: int = 0
    leased: int = 0
    held: int = 0
    settled: int = 0
    quarantined: int = 0
    written_off: int = 0
    starts_ms: int = 0
    ends_ms: int = 0
    lease_no_high: int = 0

    @property
    def key(self) -> Key:
        return self.advertiser, self.campaign, self.day

    @property
    def out(self) -> int:
        """What is no longer available: the effective floor of a cut, once regions have given back."""
        return self.budget - self.available

    @property
    def is_over(self) -> bool:
        """More is out than was asked for: nothing more may go out (E9)."""
        return self.budget > self.asked

    def check(self) -> Day:
        """Itself. Raises EscrowError when E2 does not hold or a term is negative."""
        terms = (
            self.available,
            self.allocated,
            self.leased,
            self.held,
            self.settled,
            self.quarantined,
            self.written_off,
        )
        if min(terms) < 0 or sum(terms) != self.budget:
            raise EscrowError(f"campaign {self.campaign} day {self.day} does not add up: {self}")
        return self


class Scope(Struct, frozen=True):
    """A limit above the campaign-day; `limit` None = no limit."""

    committed: int = 0
    limit: int | None = None

    @property
    def room(self) -> int | None:
        """What may still be committed; None = any amount. Negative after the limit was cut below what is out."""
        return None if self.limit is None else self.limit - self.committed

    def commit(self, amount: int) -> Scope:
        """Raises EscrowError when there is no room, or less than is given back is committed."""
        if amount > 0 and self.room is not None and amount > self.room:
            raise EscrowError(f"{amount} does not fit into {self}")
        if self.committed + amount < 0:
            raise EscrowError(f"{amount} was never committed to {self}")
        return replace(self, committed=self.committed + amount)


class Book(Struct, frozen=True):
    """A campaign-day with all scopes above it: they move together or not at all (R3)."""

    day: Day
    balance: Scope
    total: Scope

    @property
    def headroom(self) -> int:
        """What may move to regions now."""
        if not self.day.is_running or self.day.is_over:
            return 0
        rooms = [scope.room for scope in (self.balance, self.total) if scope.room is not None]
        return max(0, min([self.day.available, *rooms]))

    @property
    def must_return(self) -> bool:
        """Whether all that is not spent yet has to come back: paused, cut, or a limit above cut."""
        rooms = (self.balance.room, self.total.room)
        over = any(room is not None and room < 0 for room in rooms)
        return not self.day.is_running or self.day.is_over or over
