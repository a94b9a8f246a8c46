"""R8, unknown is spent: debits whose outcome is not known yet, and what becomes of them.

A worker reports each answer SENT or VOID. When its connection ends, what it has not reported is UNKNOWN and stays
spent - but a debit that was never acknowledged cannot have been answered, and is VOID.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    Entry,
    Outcome,
    OutcomeEntry,
)


class Undecided(msgspec.Struct, frozen=True):
    """A debit in the stream that nobody has reported on."""

    seq: int
    exchange: int
    connection: int
    lines: list[DebitLine]
    is_held: bool = False
    """It waits for a billing notice (`stream.AuctionEntry.hold_ms`)."""

    def outcome(self) -> Outcome:
        return Outcome(self.seq, self.exchange, self.lines)


class Debits:
    """The undecided debits, in the order of the stream."""

    def __init__(self) -> None:
        self._undecided: OrderedDict[bytes, Undecided] = OrderedDict()

    def __len__(self) -> int:
        return len(self._undecided)

    def __contains__(self, debit_id: bytes) -> bool:
        return debit_id in self._undecided

    def add(self, debit_id: bytes, debit: Undecided) -> None:
        self._undecided[debit_id] = debit

    def sent(self, debit_ids: Iterable[bytes]) -> list[int]:
        """Decides them; their sequence numbers. Ids that are not undecided (refused, reported before) are ignored."""
        return [debit.seq for debit in map(self._take, debit_ids) if debit is not None]

    def not_sent(self, debit_ids: Iterable[bytes]) -> list[Outcome]:
        """Decides those that are UNKNOWN; others are ignored as in `sent`."""
        return [debit.outcome() for debit in map(self._take, debit_ids) if debit is not None]

    def given_up(
        self, debit_ids: Iterable[bytes], mark_seq: int
    ) -> tuple[list[Outcome], list[Outcome]]:
        """(void, unknown) of those that a worker reports VOID; others are ignored as in `sent`.

        A hold that stands before the newest mark (at `mark_seq`) may have been released by the treasury: credited here
        as well, its money would be there twice. It is left to follow its horizon.
        """
        debits = [debit for debit in map(self._take, debit_ids) if debit is not None]
        late = [debit for debit in debits if debit.is_held and debit.seq < mark_seq]
        void = [debit for debit in debits if debit not in late]
        return [debit.outcome() for debit in void], [debit.outcome() for debit in late]

    def connection_ended(
        self, connection: int, durable_seq: int
    ) -> tuple[list[Outcome], list[Outcome]]:
        """(void, unknown) of a worker that is gone. Beyond `durable_seq` nothing was acknowledged to it."""
        gone = [key for key, debit in self._undecided.items() if debit.connection == connection]
        debits = [self._undecided.pop(key) for key in gone]
        void = [debit.outcome() for debit in debits if debit.seq > durable_seq]
        return void, [debit.outcome() for debit in debits if debit.seq <= durable_seq]

    def take_all(self) -> list[Outcome]:
        """All that is left, at the end of this life: UNKNOWN."""
        unknown = [debit.outcome() for debit in self._undecided.values()]
        self._undecided.clear()
        return unknown

    def first_seq(self, none: int) -> int:
        """The first undecided sequence number; `none` when there is none. A recovery reads from there."""
        for debit in self._undecided.values():
            return debit.seq
        return none

    def _take(self, debit_id: bytes) -> Undecided | None:
        return self._undecided.pop(debit_id, None)


def undecided_after(first_seq: int, entries: Iterable[Entry]) -> list[Outcome]:
    """The debits that have no outcome in a piece of a stream that starts at `first_seq`."""
    debits: dict[int, Outcome] = {}
    for seq, entry in enumerate(entries, first_seq):
        if isinstance(entry, AuctionEntry) and entry.lines:
            debits[seq] = Outcome(seq, entry.exchange, entry.lines)
        elif isinstance(entry, OutcomeEntry):
            decided = [one.seq for one in (*entry.void, *entry.unknown)]
            for decided_seq in (*entry.sent, *decided):
                debits.pop(decided_seq, None)
    return list(debits.values())
