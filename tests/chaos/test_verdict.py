"""The verdict itself: it finds what is wrong in made-up runs."""

from __future__ import annotations

from collections import Counter

import msgspec

from tests.chaos.clerk import Clerk, Edit, Restore
from tests.chaos.sales import Sale, Seen
from tests.chaos.verdict import Compared, Report, books, comparison_lines, excess, platform_loss

DAY_MS = 60_000
DAY = 100
SALE = Sale(
    request_id="a",
    imp="1",
    exchange="x",
    on_notice=False,
    campaign=7,
    day=DAY,
    lease=b"l",
    cost_micros=600,
    sent_ms=DAY * DAY_MS + 10_000,
    answered_ms=DAY * DAY_MS + 10_100,
)


def clerk(*edits: Edit, restores: tuple[Restore, ...] = ()) -> Clerk:
    made = Clerk.__new__(Clerk)  # without a platform: only its record is asked
    made.edits, made.restores = {7: list(edits)}, list(restores)
    return made


def seen(*sales: Sale) -> Seen:
    return Seen(day_ms=DAY_MS, sales=list(sales))


def report(**amounts: int) -> Report:
    return Report({(7, DAY): dict(amounts)})


def test_what_was_seen_within_the_budget_is_no_excess() -> None:
    line = excess(seen(SALE, SALE), report(budget=1200), clerk(Edit(1200, 0, 0)))
    assert line.passed


def test_a_micro_beyond_the_budget_in_force_is_excess() -> None:
    line = excess(seen(SALE, SALE), report(budget=1199), clerk(Edit(5000, 0, 0)))
    assert not line.passed
    assert line.figure.startswith("1 micros")


def test_a_budget_that_nobody_asked_for_does_not_count() -> None:
    assert not excess(seen(SALE, SALE), report(budget=5000), clerk(Edit(1000, 0, 0))).passed


def test_a_day_that_the_platform_does_not_know_has_no_budget() -> None:
    assert not excess(seen(SALE), Report({}), clerk(Edit(5000, 0, 0))).passed


def test_a_cut_counts_from_the_next_day_on() -> None:
    edits = (Edit(1000, 0, 0), Edit(100, DAY * DAY_MS - 50_000, DAY * DAY_MS - 49_000))
    assert clerk(*edits).most_asked((7, DAY - 1), DAY_MS) == 1000
    assert clerk(*edits).most_asked((7, DAY), DAY_MS) == 100


def test_an_edit_without_acknowledgement_may_or_may_not_be_in_force() -> None:
    edits = (Edit(1000, 0, 0), Edit(2000, 1, None), Edit(500, 2, None))
    assert clerk(*edits).most_asked((7, DAY), DAY_MS) == 2000


def test_a_restored_database_may_have_forgotten_a_cut_until_it_is_asked_for_again() -> None:
    cut_ms = DAY * DAY_MS - 50_000
    edits = (Edit(1000, 0, 0), Edit(100, cut_ms - 1, cut_ms))
    forgotten = Restore(copy_ms=cut_ms - 10, again_ms=DAY * DAY_MS)
    assert clerk(*edits, restores=(forgotten,)).most_asked((7, DAY), DAY_MS) == 1000
    kept = Restore(copy_ms=cut_ms + 10, again_ms=DAY * DAY_MS)
    assert clerk(*edits, restores=(kept,)).most_asked((7, DAY), DAY_MS) == 100


def test_only_notices_acknowledged_within_the_horizon_are_seen() -> None:
    held = msgspec.structs.replace(SALE, on_notice=True)
    billed = msgspec.structs.replace(held, billed_micros=400)
    late = msgspec.structs.replace(held, late_micros=300)
    assert seen(held, billed, late).by_day() == Counter({(7, DAY): 400})
    assert seen(held, billed, late).late_by_day() == Counter({(7, DAY): 300})


def test_loss_is_only_explained_by_notices_that_came_late() -> None:
    late = msgspec.structs.replace(SALE, on_notice=True, late_micros=300)
    assert platform_loss(seen(late), report(platform_loss=300), {7}).passed
    assert not platform_loss(seen(late), report(platform_loss=301), {7}).passed
    assert not platform_loss(seen(SALE), report(platform_loss=1), set()).passed


def test_sales_of_a_day_that_was_not_running_are_found() -> None:
    early = msgspec.structs.replace(SALE, day=DAY + 1)
    over = msgspec.structs.replace(SALE, day=DAY - 1)
    assert seen(SALE, early, over).of_wrong_day() == [early, over]


def test_sales_on_destroyed_disks_must_be_quarantined() -> None:
    compared = Compared([], [SALE], [], [], [], 0, Counter())
    covered = comparison_lines(compared, seen(SALE), report(quarantined=600))
    assert all(line.passed for line in covered)
    short = comparison_lines(compared, seen(SALE), report(quarantined=599))
    assert [line.name for line in short if not line.passed] == ["destroyed"]


def test_anything_lost_doubled_differing_or_unexplained_fails() -> None:
    compared = Compared([SALE], [], ["b"], ["c"], ["d"], 0, Counter())
    lines = comparison_lines(compared, seen(SALE), report())
    failed = [line.name for line in lines if not line.passed]
    assert failed == ["lost", "doubled", "differing", "unexplained"]


def test_a_debit_that_was_settled_twice_or_never_is_found_in_the_books() -> None:
    compared = Compared([], [], [], [], [], 0, Counter({(7, DAY): 600}))
    assert books(compared, report(delivered=600), set()).passed
    assert not books(compared, report(delivered=1200), set()).passed
    assert not books(compared, report(delivered=0), set()).passed
    assert books(compared, report(delivered=100), {7}).passed
