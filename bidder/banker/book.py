"""The lease book: which leases this banker holds, what was debited on them, and what each campaign could still spend.

Plain decisions without I/O and without a clock: `now_ms` is boot time (suspend counts). Every operation changes the
book at once and returns what must be durable before anyone hears of it; a commit that fails ends the process, so that
nothing here is ever rolled back.
"""

from __future__ import annotations

import enum
import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

import msgspec

from bidder.banker.leases import HighWaterRow, LeaseRow, OpenLease, Standing, lease_change
from rtbplatform.kernel.ipc import Want
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import DebitLine, LeaseChange

FORGET_AFTER_MS = 24 * 3_600_000
"""Lease numbers of a campaign-day are told apart one by one until this long after its end; later all are ignored."""
RECALLED_MAX = 10_000


class Verdict(enum.Enum):
    """What became of a lease that came by mail."""

    ACCEPTED = "accepted"
    TOMBSTONED = "tombstoned"
    """Never to be spent here: below the high-water number, recalled, or too late. All of it goes back."""
    REPEATED = "repeated"
    FORGED = "forged"
    FOREIGN = "foreign"
    STALE = "stale"
    """Nothing is known that could tell a repeat from a new one: ignored, the allocator will inquire."""


class CampaignDay(msgspec.Struct):
    """What numbers of a campaign-day were seen: each is decided once (R4)."""

    high_water: int = 0
    decided: list[int] | None = msgspec.field(default_factory=list)
    """Accepted and tombstoned numbers, ascending; None once the day is long over."""
    ends_ms: int = 0

    def knows(self, no: int) -> bool:
        decided = self.decided or []
        place = bisect_left(decided, no)
        return place < len(decided) and decided[place] == no


class LeaseBook:
    """The leases of one incarnation."""

    def __init__(self, incarnation: bytes, lease_key: bytes) -> None:
        self._incarnation = incarnation
        self._lease_key = lease_key
        self._open: dict[bytes, OpenLease] = {}
        self._of_campaign: dict[int, list[OpenLease]] = {}
        self._days: dict[tuple[int, int], CampaignDay] = {}
        self._recalled: dict[bytes, None] = {}
        self._ends: list[tuple[int, bytes]] = []
        self._starts: list[tuple[int, int]] = []
        self._changed: set[int] = set()
        self._dirty: dict[bytes, LeaseRow] = {}
        self._high_waters: dict[tuple[int, int], int] = {}
        self.epoch = 0
        """The newest census in this stream: leases granted under an older one are never accepted any more."""

    @property
    def open_count(self) -> int:
        return len(self._open)

    def accept(
        self, lease: Lease, first_sent_ms: int | None, now_ms: int
    ) -> tuple[Verdict, list[LeaseChange]]:
        """A lease from the allocator, at most once. `first_sent_ms`: when its request was first sent, None = unknown."""
        refused = self._not_ours(lease)
        if refused is not None:
            return refused, []
        day = self._days.setdefault((lease.campaign, lease.day), CampaignDay())
        if day.decided is None:
            return Verdict.STALE, []
        if day.knows(lease.no):
            return Verdict.REPEATED, []
        if lease.epoch < self.epoch:
            return Verdict.TOMBSTONED, [self._tombstone(lease, day)]
        if first_sent_ms is None:
            return Verdict.STALE, []
        day.ends_ms = max(day.ends_ms, first_sent_ms + lease.ends_in_ms)
        from_ms = now_ms + lease.starts_in_ms if lease.starts_in_ms > 0 else first_sent_ms
        until_ms = min(
            max(from_ms, first_sent_ms) + lease.spend_for_ms, first_sent_ms + lease.ends_in_ms
        )
        usable = lease.amount_micros > 0 and max(now_ms, from_ms) < until_ms
        if lease.no <= day.high_water or lease.id in self._recalled or not usable:
            return Verdict.TOMBSTONED, [self._tombstone(lease, day)]
        self._decide(lease, day)
        self._add(OpenLease(lease, from_ms, until_ms), now_ms)
        return Verdict.ACCEPTED, [lease_change("accepted", lease, 0)]

    def raise_epoch(self, epoch: int) -> bool:
        """The stream tells of a census from here on: whether it is a newer one."""
        is_newer = epoch > self.epoch
        self.epoch = max(self.epoch, epoch)
        return is_newer

    def inquire(self, leases: Iterable[Lease]) -> list[LeaseChange]:
        """Leases past their term: seals those that are open, tombstones those never accepted; others are decided."""
        changes: list[LeaseChange] = []
        for lease in leases:
            if self._not_ours(lease) is not None:
                continue
            if lease.id in self._open:
                changes.append(self._seal(self._open[lease.id]))
                continue
            day = self._days.setdefault((lease.campaign, lease.day), CampaignDay())
            if day.decided is not None and not day.knows(lease.no):
                changes.append(self._tombstone(lease, day))
        return changes

    def recall(self, lease_ids: Iterable[bytes]) -> list[LeaseChange]:
        """Seals leases now. One that has not arrived yet is tombstoned when it does."""
        changes: list[LeaseChange] = []
        for lease_id in lease_ids:
            held = self._open.get(lease_id)
            if held is not None:
                changes.append(self._seal(held))
                continue
            self._recalled[lease_id] = None
            if len(self._recalled) > RECALLED_MAX:
                del self._recalled[next(iter(self._recalled))]
        return changes

    def debit(self, wants: Sequence[Want], now_ms: int) -> tuple[list[DebitLine], list[int]]:
        """All debits of a request or none: its lines, or the campaigns that cannot pay (each once)."""
        taken: dict[bytes, int] = {}
        lines: list[DebitLine] = []
        unfundable: list[int] = []
        for want in wants:
            parts = self._fund(want, now_ms, taken)
            if parts:
                lines += parts
            elif want.campaign not in unfundable:
                unfundable.append(want.campaign)
        if unfundable:
            return [], unfundable
        for line in lines:
            self._move(self._open[line.lease], line.amount_micros)
        return lines, []

    def void(self, lines: Iterable[DebitLine]) -> None:
        """Credits debits given up before a byte was written. What a sealed lease paid is credited at settlement (R8)."""
        for line in lines:
            held = self._open.get(line.lease)
            if held is not None:
                self._move(held, -line.amount_micros)

    def tick(self, now_ms: int) -> list[LeaseChange]:
        """Seals the leases whose working time is over, and lets those begin whose day has come."""
        changes: list[LeaseChange] = []
        while self._starts and self._starts[0][0] <= now_ms:
            self._changed.add(heapq.heappop(self._starts)[1])
        while self._ends and self._ends[0][0] <= now_ms:
            held = self._open.get(heapq.heappop(self._ends)[1])
            if held is not None:
                changes.append(self._seal(held))
        return changes

    def seal_remainders(
        self, campaign: int, smallest_micros: int, now_ms: int
    ) -> list[LeaseChange]:
        """Seals early what is too small to bid with, so that it can be put together elsewhere.

        Debits span leases, so a remainder is only useless when all that the campaign has here is.
        """
        current = [held for held in self._of_campaign.get(campaign, ()) if held.works(now_ms)]
        useless = sum(held.left_micros for held in current) < max(1, smallest_micros)
        return [self._seal(held) for held in current if useless or not held.left_micros]

    def seal_all(self) -> list[LeaseChange]:
        """The end of this life: everything unspent goes back."""
        return [self._seal(held) for held in list(self._open.values())]

    def fundable(self, campaign: int, now_ms: int) -> int:
        """What the campaign could spend here now, in micros: the largest amount that one debit can have."""
        of_day: dict[int, int] = {}
        for held in self._of_campaign.get(campaign, ()):
            if held.works(now_ms):
                of_day[held.lease.day] = of_day.get(held.lease.day, 0) + held.left_micros
        return max(of_day.values(), default=0)

    def fundable_now(self, now_ms: int) -> dict[int, int]:
        """`fundable` of every campaign that has leases here."""
        return {campaign: self.fundable(campaign, now_ms) for campaign in self._of_campaign}

    def standing(self, campaign: int) -> Standing:
        """What is left of how much, and until when; leases that start later count."""
        held = self._of_campaign.get(campaign)
        if not held:
            return Standing(0, 0, 0)
        return Standing(
            sum(one.left_micros for one in held),
            sum(one.lease.amount_micros for one in held),
            max(one.until_ms for one in held),
        )

    def take_changed(self) -> set[int]:
        """Campaigns whose fundable amount may have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def take_rows(self) -> tuple[list[LeaseRow], list[HighWaterRow]]:
        """The rows to write in the next commit: final values, once per lease and campaign-day."""
        leases = list(self._dirty.values())
        high_waters = [HighWaterRow(*key, no) for key, no in self._high_waters.items()]
        self._dirty, self._high_waters = {}, {}
        return leases, high_waters

    def forget(self, now_ms: int) -> None:
        """Bounds memory: of days long over only the high-water number is kept."""
        for day in self._days.values():
            if day.decided and day.ends_ms and day.ends_ms + FORGET_AFTER_MS <= now_ms:
                day.decided = None

    def _not_ours(self, lease: Lease) -> Verdict | None:
        if not lease.verify(self._lease_key):
            return Verdict.FORGED
        return Verdict.FOREIGN if lease.incarnation != self._incarnation else None

    def _decide(self, lease: Lease, day: CampaignDay) -> None:
        if day.decided is not None:
            insort(day.decided, lease.no)
        if lease.no > day.high_water:
            day.high_water = self._high_waters[lease.campaign, lease.day] = lease.no

    def _tombstone(self, lease: Lease, day: CampaignDay) -> LeaseChange:
        self._decide(lease, day)
        self._recalled.pop(lease.id, None)
        self._dirty[lease.id] = LeaseRow(lease, 0, "tombstoned")
        return lease_change("tombstoned", lease, 0)

    def _add(self, held: OpenLease, now_ms: int) -> None:
        lease = held.lease
        self._open[lease.id] = held
        of_campaign = self._of_campaign.setdefault(lease.campaign, [])
        insort(of_campaign, held, key=lambda one: (one.lease.day, one.until_ms))
        heapq.heappush(self._ends, (held.until_ms, lease.id))
        if held.from_ms > now_ms:
            heapq.heappush(self._starts, (held.from_ms, lease.campaign))
        self._dirty[lease.id] = LeaseRow(lease, 0, "open")
        self._changed.add(lease.campaign)

    def _seal(self, held: OpenLease) -> LeaseChange:
        lease = held.lease
        del self._open[lease.id]
        self._of_campaign[lease.campaign].remove(held)
        if not self._of_campaign[lease.campaign]:
            del self._of_campaign[lease.campaign]
        self._dirty[lease.id] = LeaseRow(lease, held.spent_micros, "sealed")
        self._changed.add(lease.campaign)
        return lease_change("sealed", lease, held.spent_micros)

    def _fund(self, want: Want, now_ms: int, taken: dict[bytes, int]) -> list[DebitLine]:
        """One want's lines, from as many leases of one campaign-day as it takes; empty when it cannot be paid."""
        parts: list[DebitLine] = []
        missing, day = want.amount_micros, -1
        for held in self._of_campaign.get(want.campaign, ()):
            lease = held.lease
            if not held.works(now_ms) or lease.advertiser != want.advertiser or missing < 0:
                continue
            if lease.day != day:
                parts, missing, day = [], want.amount_micros, lease.day
            part = min(missing, held.left_micros - taken.get(lease.id, 0))
            if part > 0 or not missing:
                parts.append(
                    DebitLine(want.imp, lease.advertiser, lease.campaign, day, lease.id, part)
                )
                missing -= part
            if not missing:
                for line in parts:
                    taken[line.lease] = taken.get(line.lease, 0) + line.amount_micros
                return parts
        return []

    def _move(self, held: OpenLease, amount_micros: int) -> None:
        held.spent_micros += amount_micros
        # E3, in pairs with the treasury's CHECK: a book that breaks it must not commit anything any more.
        assert 0 <= held.spent_micros <= held.lease.amount_micros, held
        self._dirty[held.lease.id] = LeaseRow(held.lease, held.spent_micros, "open")
        self._changed.add(held.lease.campaign)
