"""Stage 7, reserve: what a worker may say and do about its debits (R8). Plain decisions, without socket and clock.

In: debits on their way, the banker's answers, its loss, what became of the exchange's answers.
Out: who is told what, and the outcomes to report to the banker.
On failure: a lost banker ends every debit under way as `Lost`: it is never sent again, and what the banker made of it is
the banker's to find out (UNKNOWN is spent).
Time: none.
"""

from __future__ import annotations

import msgspec

from bidder.reserve.mirror import FundableMirror
from rtbplatform.kernel import ipc


class UnderWay(msgspec.Struct):
    """A debit that the banker has not answered."""

    wants: list[ipc.Want]
    given_up: bool = False


class Promises:
    """One worker's debits, from the submit to the report. One connection to the banker at a time."""

    def __init__(self) -> None:
        self.mirror = FundableMirror()
        self._under_way: dict[bytes, UnderWay] = {}
        self._outcomes = ipc.Outcomes([], [], [])
        self.connected = False
        """Whether the banker has welcomed us: before that nothing can be committed, nor reported."""

    def welcomed(self) -> None:
        """A banker is there."""
        self.connected = True

    def submitted(self, debit_id: bytes, wants: list[ipc.Want]) -> None:
        """A debit leaves; it lowers what others may try here."""
        self._under_way[debit_id] = UnderWay(wants)
        self.mirror.leaves(wants)

    def given_up(self, debit_id: bytes) -> None:
        """Its answer was due before the banker's came: the exchange has been told "no bid"."""
        debit = self._under_way.get(debit_id)
        if debit is not None:
            debit.given_up = True

    def answered(self, answer: ipc.Committed | ipc.Refused) -> bool:
        """The banker's answer: whether anybody waits for it. A commit that comes too late is VOID: nothing was
        written, as the exchange got its "no bid" instead."""
        debit = self._under_way.pop(answer.debit_id, None)
        if debit is None:
            return False
        self.mirror.returns(debit.wants)
        if debit.given_up and isinstance(answer, ipc.Committed):
            self.void(answer.debit_id)
        return True

    def sent(self, debit_id: bytes) -> None:
        """All bytes of the answer were accepted by a live socket."""
        self._report(self._outcomes.sent, debit_id)

    def void(self, debit_id: bytes) -> None:
        """Given up before a byte was written."""
        self._report(self._outcomes.void, debit_id)

    def unknown(self, debit_id: bytes) -> None:
        """The connection ended with bytes of the answer on the way: it stays spent."""
        self._report(self._outcomes.unknown, debit_id)

    def take_outcomes(self) -> ipc.Outcomes | None:
        """What to report now, once, after the submits that it is about."""
        told = self._outcomes
        if not (told.sent or told.void or told.unknown):
            return None
        self._outcomes = ipc.Outcomes([], [], [])
        return told

    def lost(self) -> list[bytes]:
        """The banker is gone: the debits under way, each to be told `Lost`. Reports that were not taken are forgotten:
        the banker counts what it has no report of as UNKNOWN when our connection ends."""
        self.connected = False
        lost = list(self._under_way)
        self._under_way.clear()
        self._outcomes = ipc.Outcomes([], [], [])
        self.mirror.clear()
        return lost

    def _report(self, outcomes: list[bytes], debit_id: bytes) -> None:
        # Of a connection that is gone everything is decided: a report would come too late.
        if self.connected:
            outcomes.append(debit_id)
