"""When a mark is sent again, and which quarantine keeps a hold from being released."""

from __future__ import annotations

import pytest

from billing.escrow.marks import Reminders, blocker
from billing.escrow.values import Hold, Incarnation
from rtbplatform.kernel.wire import Mark

BANKER = b"1" * 16


def test_a_mark_is_sent_at_once_and_again_after_a_while() -> None:
    reminders = Reminders(1_000)
    owed = {BANKER: Mark(3, 1)}
    assert reminders.due(owed, 0) == [(BANKER, Mark(3, 1))]
    assert reminders.due(owed, 999) == []
    assert reminders.due(owed, 1_000) == [(BANKER, Mark(3, 1))]


def test_a_newer_mark_is_sent_at_once() -> None:
    reminders = Reminders(1_000)
    reminders.due({BANKER: Mark(3, 1)}, 0)
    assert reminders.due({BANKER: Mark(4, 1)}, 1) == [(BANKER, Mark(4, 1))]


def test_a_clock_that_jumps_back_does_not_silence_reminders() -> None:
    reminders = Reminders(1_000)
    reminders.due({BANKER: Mark(3, 1)}, 10_000)
    assert reminders.due({BANKER: Mark(3, 1)}, 5_000) == [(BANKER, Mark(3, 1))]


def test_what_is_settled_is_forgotten() -> None:
    reminders = Reminders(1_000)
    reminders.due({BANKER: Mark(3, 1)}, 0)
    assert reminders.due({}, 1) == []
    assert reminders.due({BANKER: Mark(3, 1)}, 2) == [(BANKER, Mark(3, 1))]


@pytest.mark.parametrize(
    ("born_mark", "settled", "is_blocked"),
    [
        (4, 7, True),  # it lived when the hold was made, and its end is not known
        (5, 7, False),  # the hold was made after it had been given up
        (4, 8, False),  # it settled the hold's mark: no notice is missing
    ],
)
def test_a_quarantine_blocks_holds_whose_notice_it_may_have_taken_along(
    born_mark: int,
    settled: int,
    is_blocked: bool,  # noqa: FBT001 - a table
) -> None:
    lost = Incarnation(BANKER, "eu", "pod", "machine", 0, "quarantined", mark=settled)
    lost.quarantine_mark = 5
    hold = Hold(b"d" * 16, 0, (1, 2, 3), 5, b"2" * 16, 1, [], born_mark=born_mark, mark=8)
    assert (blocker(hold, [lost]) is lost) == is_blocked
