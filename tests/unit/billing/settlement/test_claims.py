"""What becomes of holds: captured, released, void, billed too late - and notices that come before their debit."""

from __future__ import annotations

import pytest

from billing.escrow.store import EarlierDebit
from billing.escrow.values import Hold, LeaseState
from billing.settlement.changes import DayChange, Effects, Numbered, StreamError, StreamState
from billing.settlement.fold import fold
from rtbplatform.kernel.stream import (
    AuctionEntry,
    Claim,
    DebitLine,
    Entry,
    LeaseChange,
    LeaseEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)

KEY = (1, 2, 3)
PLACE = (*KEY, 9)
FIRST, SECOND = b"1" * 16, b"2" * 16
LOST, LOST_TOO = b"3" * 16, b"4" * 16
ME, DEAD = b"m" * 16, b"d" * 16
DEBIT = b"D" * 16


def line(amount: int, lease: bytes = FIRST, imp: int = 0) -> DebitLine:
    return DebitLine(imp, *KEY, lease, amount)


def held(*lines: DebitLine) -> AuctionEntry:
    return AuctionEntry(0, 9, 0, DEBIT, list(lines), b"", 60_000)


def notice(
    kind: str = "billing", bill: int = 30, *, lease: bytes = FIRST, hold: int = 30, imp: int = 0
) -> NoticeEntry:
    return NoticeEntry(0, 9, 0, DEBIT, b"", Claim(kind, imp, *KEY, lease, hold, bill))


def void(seq: int, *lines: DebitLine) -> OutcomeEntry:
    return OutcomeEntry([], [Outcome(seq, 9, list(lines))], [])


def unknown(seq: int, *lines: DebitLine) -> OutcomeEntry:
    return OutcomeEntry([], [], [Outcome(seq, 9, list(lines))])


def seal(spent: int, lease: bytes = FIRST) -> LeaseEntry:
    return LeaseEntry(0, [LeaseChange("sealed", lease, *KEY, 100, spent)])


def fresh() -> StreamState:
    """Two leases of this incarnation; two of a dead one, in quarantine, with 20 and 15 left."""
    leases = [
        LeaseState(FIRST, KEY, "eu", 100, incarnation=ME),
        LeaseState(SECOND, KEY, "us", 100, incarnation=ME),
        LeaseState(LOST, KEY, "eu", 50, 30, state="quarantined", incarnation=DEAD),
        LeaseState(LOST_TOO, KEY, "eu", 15, 0, state="quarantined", incarnation=DEAD),
    ]
    return StreamState(ME, "eu", b"", leases={lease.id: lease for lease in leases})


def run(*entries: Entry, state: StreamState | None = None) -> Effects:
    return fold([Numbered(1, entries)], state or fresh())


def hold_of(effects: Effects, imp: int = 0) -> Hold:
    return effects.holds[DEBIT, imp]


def test_a_debit_that_waits_for_its_bill_is_held_and_not_charged() -> None:
    effects = run(held(line(30)))
    assert effects.days[KEY] == DayChange(leased=-30, held=30)
    assert not effects.spends
    assert (hold_of(effects).state, hold_of(effects).horizon_ms) == ("held", 60_000)


def test_each_imp_is_a_hold_of_its_own() -> None:
    effects = run(held(line(30), line(5, imp=1), line(6, SECOND, imp=1)))
    assert [hold_of(effects, imp).amount for imp in (0, 1)] == [30, 11]


def test_a_hold_knows_the_highest_mark_before_it() -> None:
    state = fresh()
    state.mark = 8
    assert hold_of(run(held(line(30)), state=state)).born_mark == 8


def test_a_billing_notice_captures_the_hold() -> None:
    effects = run(held(line(30)), notice())
    assert effects.days[KEY] == DayChange(leased=-30, settled=30)
    assert effects.spends[PLACE].amount == 30
    assert (hold_of(effects).state, hold_of(effects).captured) == ("captured", 30)


def test_a_lower_bill_gives_the_rest_back_to_the_region_of_its_last_lease_first() -> None:
    state = fresh()
    effects = run(held(line(20), line(10, SECOND)), notice(bill=15), state=state)
    assert effects.days[KEY] == DayChange(leased=-30, settled=15, returned={"us": 10, "eu": 5})
    assert (state.leases[FIRST].released, state.leases[SECOND].released) == (5, 10)
    assert effects.spends[PLACE].amount == 15


def test_a_bill_above_the_hold_captures_the_hold() -> None:
    assert run(held(line(30)), notice(bill=99)).days[KEY].settled == 30


def test_a_loss_notice_releases_the_hold_whole() -> None:
    effects = run(held(line(30)), notice("loss"))
    assert effects.days[KEY] == DayChange(leased=-30, returned={"eu": 30})
    assert hold_of(effects).state == "released"


def test_a_second_billing_notice_changes_nothing() -> None:
    assert run(held(line(30)), notice(), notice()) == run(held(line(30)), notice())


def test_a_loss_after_the_bill_changes_nothing() -> None:
    assert run(held(line(30)), notice(), notice("loss")).days[KEY].settled == 30


def test_a_bill_after_the_release_is_the_platforms_loss_with_an_alarm() -> None:
    effects = run(held(line(30)), notice("loss"), notice(bill=12))
    assert effects.days[KEY] == DayChange(leased=-30, late=12, returned={"eu": 30})
    assert effects.losses[PLACE].amount == 12
    assert [alarm[0] for alarm in effects.alarms] == ["late_bill"]
    assert not effects.spends


def test_a_late_bill_is_lost_once() -> None:
    effects = run(held(line(30)), notice("loss"), notice(), notice())
    assert effects.losses[PLACE].amount == 30


def test_a_void_hold_is_back_on_its_lease() -> None:
    state = fresh()
    effects = run(held(line(30)), void(1, line(30)), state=state)
    assert effects.days[KEY] == DayChange()
    assert (state.leases[FIRST].settled, hold_of(effects).state) == (0, "void")


def test_a_void_hold_of_a_sealed_lease_is_back_on_the_campaign_day() -> None:
    effects = run(held(line(30)), seal(30), void(1, line(30)))
    assert effects.days[KEY] == DayChange(leased=-100, returned={"eu": 100})
    assert effects.leases[FIRST].returned == 100


def test_a_void_after_the_bill_moves_nothing_and_alarms() -> None:
    effects = run(held(line(30)), notice(), void(1, line(30)))
    assert effects.days[KEY].settled == 30
    assert [alarm[0] for alarm in effects.alarms] == ["void_billed"]


def test_a_void_after_the_release_moves_nothing() -> None:
    effects = run(held(line(30)), notice("loss"), void(1, line(30)))
    assert effects.days[KEY] == DayChange(leased=-30, returned={"eu": 30})


def test_a_bill_of_a_void_hold_is_late() -> None:
    effects = run(held(line(30)), void(1, line(30)), notice())
    assert effects.days[KEY] == DayChange(late=30)


def test_an_unknown_hold_follows_its_horizon() -> None:
    effects = run(held(line(30)), unknown(1, line(30)))
    assert effects.days[KEY] == DayChange(leased=-30, held=30)
    assert hold_of(effects).is_unknown


def test_a_blocked_hold_is_captured_from_quarantine() -> None:
    state = fresh()
    state.leases[FIRST].settled = 30
    state.holds[DEBIT, 0] = Hold(
        DEBIT, 0, KEY, 9, ME, 1, [line(30)], state="quarantined", blocked_by=DEAD
    )
    effects = run(notice(bill=20), state=state)
    assert effects.days[KEY] == DayChange(quarantined=-30, settled=20, returned={"eu": 10})


def test_a_notice_before_its_debit_waits_for_it() -> None:
    effects = run(notice())
    assert not effects.days
    assert [orphan.claim.kind for orphan in effects.parked] == ["billing"]


@pytest.mark.parametrize("notices", [[notice()], [notice("loss")], [notice("loss"), notice()]])
def test_whether_notices_come_before_or_after_their_debit_is_the_same_money(
    notices: list[NoticeEntry],
) -> None:
    before, after = run(*notices, held(line(30))), run(held(line(30)), *notices)
    assert before.days == after.days
    assert hold_of(before).state == hold_of(after).state
    assert len(before.taken) == len(notices)


def test_a_notice_that_came_twice_before_its_debit_waits_once() -> None:
    assert len(run(notice(), notice()).parked) == 1


def test_a_bill_of_a_debit_lost_with_its_disk_is_captured_from_its_lease() -> None:
    state = fresh()
    effects = run(notice(bill=20, lease=LOST), state=state)
    assert effects.days[KEY] == DayChange(quarantined=-20, settled=20)
    assert state.leases[LOST].settled == 50
    assert (hold_of(effects).seq, hold_of(effects).incarnation) == (0, DEAD)


def test_a_lost_debit_that_spanned_leases_is_captured_from_all_of_them() -> None:
    state = fresh()
    effects = run(notice(bill=30, lease=LOST), state=state)
    assert effects.days[KEY] == DayChange(quarantined=-30, settled=30)
    assert [one.amount_micros for one in hold_of(effects).lines] == [20, 10]


def test_what_quarantined_leases_do_not_have_is_the_platforms_loss() -> None:
    effects = run(notice(bill=40, hold=40, lease=LOST))
    assert effects.days[KEY] == DayChange(quarantined=-35, settled=35, late=5)
    assert effects.losses[PLACE].amount == 5


def test_a_bill_of_a_lost_debit_counts_once() -> None:
    effects = run(notice(bill=20, lease=LOST), notice(bill=20, lease=LOST))
    assert effects.days[KEY].settled == 20


def test_a_loss_of_a_lost_debit_decides_as_well() -> None:
    effects = run(notice("loss", lease=LOST), notice(bill=20, lease=LOST))
    assert effects.days[KEY] == DayChange(late=20)


def test_a_bill_after_the_write_off_is_late() -> None:
    state = fresh()
    for lease in (LOST, LOST_TOO):
        state.leases[lease].give_back("written_off")
    effects = run(notice(bill=20, lease=LOST), state=state)
    assert effects.days[KEY] == DayChange(late=20)


def refused(match: str, *entries: Entry, state: StreamState | None = None) -> None:
    with pytest.raises(StreamError, match=match):
        run(*entries, state=state)


def test_a_debit_held_twice_stops_the_stream() -> None:
    refused("second time", held(line(30)), held(line(30)))


def test_a_claim_of_another_campaign_day_stops_the_stream() -> None:
    wrong = NoticeEntry(0, 9, 0, DEBIT, b"", Claim("billing", 0, 1, 2, 4, FIRST, 30, 30))
    refused("another campaign-day", held(line(30)), wrong)


def test_a_claim_of_a_negative_amount_stops_the_stream() -> None:
    refused("claims billing of -1", notice(bill=-1))


def test_a_claim_of_an_unknown_kind_stops_the_stream() -> None:
    refused("claims win", notice("win"))


def test_an_imp_held_for_two_campaign_days_stops_the_stream() -> None:
    state = fresh()
    state.leases[SECOND].key = (1, 5, 3)
    refused(
        "several campaign-days",
        held(line(1), DebitLine(0, 1, 5, 3, SECOND, 1)),
        state=state,
    )


def test_an_outcome_of_a_hold_that_was_never_settled_stops_the_stream() -> None:
    state = fresh()
    state.leases[FIRST].settled = 30
    state.debits[1] = EarlierDebit(DEBIT, [line(30)], 60_000, is_resolved=False)
    refused("never settled", void(1, line(30)), state=state)
