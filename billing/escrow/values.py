"""The values that escrow decisions are made over. Amounts are micros of the campaign's currency."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from rtbplatform.kernel.stream import DebitLine

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
    currency: str = ""
    is_closed: bool = False
    unknown: int = 0
    """Of what is settled: debits whose answer may or may not have been sent (R8)."""
    excess: int = 0
    """Of the budget in force: leases adopted after a restore for which no budget that we know had money. It sinks with
    the first money that comes back; what is spent of it in the end is the platform's loss."""
    forgiven: int = 0
    """Of what is settled: excess that was posted as platform loss instead of charged."""
    late: int = 0
    """Billed by notices that came after their hold was released: platform loss, not part of the budget (R7)."""

    @property
    def key(self) -> Key:
        return self.advertiser, self.campaign, self.day

    @property
    def out(self) -> int:
        """What is no longer available: the effective floor of a cut, once regions have given back."""
        return self.budget - self.available

    @property
    def committed(self) -> int:
        """What its scopes count as committed: all that is out, less what came back to them by a sign-off."""
        return self.budget - self.available - self.written_off

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
        above = max(0, self.budget - self.asked)
        if (
            min(*terms, self.unknown, self.excess, self.forgiven, self.late) < 0
            or sum(terms) != self.budget
            or self.excess > above
        ):
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

    def adopt(self, amount: int) -> Scope:
        """Commits what is out already, beyond the limit if need be: a lease that a restored database had lost."""
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


class LeaseState(Struct):
    """A lease as settled so far. Micros; `amount` = settled + returned once it is closed.

    `settled` counts what was debited by its stream (holds too, voids taken off); `released` is what came back of that
    by the ledger: holds released, or captured below their amount. Guarded by its campaign-day's lock.
    """

    id: bytes
    key: Key
    region: str
    amount: int
    settled: int = 0
    returned: int = 0
    released: int = 0
    state: str = "open"
    """open | sealed | tombstoned | fenced | quarantined | written_off"""
    is_accepted: bool = False
    incarnation: bytes = b""
    no: int = 0

    @property
    def rest(self) -> int:
        """What was neither debited nor returned."""
        return self.amount - self.settled - self.returned

    def give_back(self, state: str) -> int:
        """Closes it; what was left of it."""
        self.state, self.returned = state, self.amount - self.settled
        return self.returned


class Hold(Struct):
    """One imp's debit that waits for its billing notice. Guarded by its campaign-day's lock."""

    debit_id: bytes
    imp: int
    key: Key
    exchange: int
    incarnation: bytes
    seq: int
    lines: list[DebitLine]
    due_ms: int = 0
    """The horizon's end on Postgres's clock; counted from settlement, set when it is stored."""
    horizon_ms: int = 0
    state: str = "held"
    """held | captured | released | void | quarantined"""
    captured: int = 0
    late: int = 0
    """Billed after it was released."""
    is_unknown: bool = False
    born_mark: int = 0
    """The highest mark that stood in its stream before it."""
    mark: int | None = None
    """It is released when every incarnation has settled this mark."""
    blocked_by: bytes = b""
    """The quarantined incarnation that may have taken its notice to the grave."""

    @property
    def amount(self) -> int:
        return sum(line.amount_micros for line in self.lines)


class Incarnation(Struct):
    """One life of one banker as the ledger knows it (R2, R6). Guarded by its own lock."""

    id: bytes
    region: str
    pod: str
    machine: str
    started_ms: int
    state: str = "open"
    """open | closed | stopped | quarantined"""
    seq: int = 0
    """Settled up to here."""
    hash: bytes = bytes(32)
    mark: int = 0
    """The highest mark that it has settled, or that was there when it was registered."""
    epoch: int = 0
    alarm: str = ""
    quarantine_mark: int | None = None
    """Made when it was quarantined: what streams hold after this mark was answered after its end. None once what it
    took along is reconciled."""
    registered_us: int = 0
    """When the database first heard of it, on its own clock: which of two lives came first. Set by the store."""

    @property
    def is_done(self) -> bool:
        """Nothing more will come of it: closed, or quarantined."""
        return self.state in {"closed", "quarantined"}


class Census(Struct):
    """A start of Postgres: until it is complete nothing is granted, moved to a region or released."""

    no: int
    """The number of its mark; the epoch of the leases that are granted after it."""
    server: str
    """Which start of which Postgres it is of."""
    regions: set[str] = set()
    """Regions whose journal has been compared."""
    awaits: set[str] = set()
    """Regions that a journal knows: a restored database may have lost all that says that they exist."""
    is_complete: bool = False


class Gate(Struct, frozen=True):
    """Whether money may move, as of this transaction."""

    epoch: int
    is_open: bool
