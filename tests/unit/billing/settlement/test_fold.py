"""What a stream's entries do to leases, campaign-days and ledger - and which entries stop the stream."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from billing.escrow.store import EarlierDebit
from billing.escrow.values import LeaseState
from billing.settlement.changes import DayChange, Effects, Numbered, StreamError, StreamState
from billing.settlement.fold import fold
from billing.settlement.naming import names
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    LossEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)

KEY = (1, 2, 3)
LEASE, OTHER, FOREIGN = b"L" * 16, b"O" * 16, b"F" * 16
ME = b"m" * 16
LEASE_KEY = b"k" * 32


def line(amount: int, lease: bytes = LEASE, day: int = 3) -> DebitLine:
    return DebitLine(0, 1, 2, day, lease, amount)


def debit(*lines: DebitLine, exchange: int = 9) -> AuctionEntry:
    return AuctionEntry(0, exchange, 0, b"D" * 16, list(lines), b"")


def change(kind: str, spent: int = 0, amount: int = 100, lease: bytes = LEASE) -> LeaseEntry:
    return LeaseEntry(0, [LeaseChange(kind, lease, 1, 2, 3, amount, spent)])


def void(seq: int, *lines: DebitLine) -> OutcomeEntry:
    return OutcomeEntry([], [Outcome(seq, 9, list(lines))], [])


def unknown(seq: int, *lines: DebitLine) -> OutcomeEntry:
    return OutcomeEntry([], [], [Outcome(seq, 9, list(lines))])


def state(**lease: object) -> StreamState:
    leases = {
        LEASE: LeaseState(LEASE, KEY, "eu", 100, incarnation=ME, **lease),  # type: ignore[arg-type]
        OTHER: LeaseState(OTHER, KEY, "eu", 50, incarnation=ME),
        FOREIGN: LeaseState(FOREIGN, KEY, "us", 50, incarnation=b"t" * 16),
    }
    return StreamState(ME, "eu", LEASE_KEY, leases=leases)


def earlier(*lines: DebitLine) -> EarlierDebit:
    return EarlierDebit(b"D" * 16, list(lines), 0, is_resolved=False)


def run(*entries: Entry, before: StreamState | None = None) -> Effects:
    return fold([Numbered(11, entries)], before or state())


def refused(match: str, *entries: Entry, before: StreamState | None = None) -> None:
    with pytest.raises(StreamError, match=match):
        run(*entries, before=before)


def test_a_debit_moves_money_from_leased_to_settled() -> None:
    effects = run(debit(line(30)))
    assert effects.days[KEY] == DayChange(leased=-30, settled=30)
    assert effects.leases[LEASE].settled == 30


def test_a_debit_may_span_leases() -> None:
    effects = run(debit(line(30), line(20, OTHER)))
    assert effects.days[KEY].settled == 50
    assert effects.leases[OTHER].settled == 20


def test_spend_is_gathered_per_campaign_day_and_exchange() -> None:
    effects = run(debit(line(30)), debit(line(5), exchange=8), debit(line(10)))
    assert {key[3]: spend.amount for key, spend in effects.spends.items()} == {9: 40, 8: 5}
    spend = effects.spends[*KEY, 9]
    assert (spend.first_seq, spend.last_seq) == (11, 13)


def test_an_auction_without_debit_has_no_effect() -> None:
    assert run(AuctionEntry(0, 9, 0, b"", [], b"")) == Effects()


def test_notices_have_no_effect_on_money() -> None:
    assert run(NoticeEntry(0, 9, 0, b"D" * 16, b"")) == Effects()


def test_dropped_events_are_counted() -> None:
    assert run(LossEntry(0, 7, "queue")).dropped_events == 7


def test_a_void_of_an_open_lease_goes_back_to_it() -> None:
    effects = run(debit(line(30)), void(11, line(30)))
    assert effects.days[KEY] == DayChange()
    assert effects.leases[LEASE].settled == 0
    assert effects.spends[*KEY, 9].amount == 0


def test_a_void_of_a_sealed_lease_goes_back_to_the_campaign_day() -> None:
    effects = run(debit(line(30)), change("sealed", 30), void(11, line(30)))
    assert effects.days[KEY] == DayChange(leased=-100, settled=0, returned={"eu": 100})
    lease = effects.leases[LEASE]
    assert (lease.settled, lease.returned, lease.state) == (0, 100, "sealed")


def test_an_unknown_debit_stays_settled_and_is_counted() -> None:
    effects = run(debit(line(30)), unknown(11, line(30)))
    assert effects.days[KEY] == DayChange(leased=-30, settled=30, unknown=30)


def test_an_outcome_may_name_a_debit_of_an_earlier_run() -> None:
    before = state(settled=30)
    before.debits[4] = earlier(line(30))
    assert run(void(4, line(30)), before=before).days[KEY].settled == -30


def test_a_sealed_lease_returns_its_remainder_to_its_region() -> None:
    effects = run(change("accepted"), debit(line(30)), change("sealed", 30))
    assert effects.days[KEY] == DayChange(leased=-100, settled=30, returned={"eu": 70})
    assert (effects.leases[LEASE].state, effects.leases[LEASE].is_accepted) == ("sealed", True)


def test_a_tombstoned_lease_returns_whole() -> None:
    effects = run(change("tombstoned"))
    assert effects.days[KEY].returned == {"eu": 100}
    assert effects.leases[LEASE].state == "tombstoned"


def test_a_fence_returns_what_is_left_on_every_open_lease() -> None:
    before = state()
    effects = run(debit(line(30)), FenceEntry(0, "recovered"), before=before)
    assert before.is_fenced
    assert effects.days[KEY] == DayChange(leased=-150, settled=30, returned={"eu": 120})
    assert {lease.state for lease in effects.leases.values()} == {"fenced"}


def test_a_fence_leaves_sealed_leases_as_they_are() -> None:
    effects = run(change("sealed"), FenceEntry(0, "recovered"))
    assert effects.leases[LEASE].state == "sealed"


def test_a_debit_beyond_the_lease_stops_the_stream() -> None:
    refused("beyond its amount", debit(line(70)), debit(line(31)))


def test_a_debit_on_an_unknown_lease_stops_the_stream() -> None:
    refused("never granted", debit(line(1, b"?" * 16)))


def test_a_debit_on_a_sealed_lease_stops_the_stream() -> None:
    refused("debits sealed lease", change("sealed"), debit(line(1)))


def test_a_debit_on_another_campaign_day_stops_the_stream() -> None:
    refused("another campaign-day", debit(line(1, day=4)))


def test_a_negative_debit_stops_the_stream() -> None:
    refused("debits -1", debit(line(-1)))


def test_a_debit_without_id_stops_the_stream() -> None:
    refused("without a debit id", AuctionEntry(0, 9, 0, b"", [line(1)], b""))


def test_an_entry_after_the_fence_stops_the_stream() -> None:
    refused("after the fence", FenceEntry(0, ""), LossEntry(0, 1, ""))


def test_a_second_outcome_stops_the_stream() -> None:
    refused("second outcome", debit(line(9)), unknown(11, line(9)), void(11, line(9)))


def test_an_outcome_settled_before_stops_the_stream() -> None:
    before = state(settled=30)
    before.debits[4] = earlier(line(30))
    before.resolved.add(4)
    refused("second outcome", void(4, line(30)), before=before)


def test_an_outcome_of_another_amount_stops_the_stream() -> None:
    refused("another debit", debit(line(9)), void(11, line(8)))


def test_an_outcome_of_no_debit_stops_the_stream() -> None:
    refused("another debit", void(5, line(8)))


def test_a_void_beyond_what_was_spent_stops_the_stream() -> None:
    before = state(settled=3)
    before.debits[4] = earlier(line(8))
    refused("voids more", void(4, line(8)), before=before)


def test_a_seal_with_another_spend_stops_the_stream() -> None:
    refused("spent 30, not 29", debit(line(30)), change("sealed", 29))


def test_a_lease_change_with_another_amount_stops_the_stream() -> None:
    refused("otherwise", change("accepted", amount=101))


@pytest.mark.parametrize(
    "kinds", [("sealed", "sealed"), ("tombstoned", "accepted"), ("accepted", "tombstoned")]
)
def test_lease_changes_out_of_order_stop_the_stream(kinds: Sequence[str]) -> None:
    refused("after", *(change(kind) for kind in kinds))


def test_an_unknown_lease_change_stops_the_stream() -> None:
    refused("unknown lease change", change("borrowed"))


def test_a_debit_on_another_incarnations_lease_stops_the_stream() -> None:
    refused("never granted", debit(line(1, FOREIGN)))


def test_a_fence_leaves_other_incarnations_leases_as_they_are() -> None:
    before = state()
    run(FenceEntry(0, "recovered"), before=before)
    assert before.leases[FOREIGN].state == "open"


def lost_lease(**fields: object) -> Lease:
    """Granted to this incarnation, and not known to the database any more."""
    values = {
        "id": b"N" * 16,
        "no": 7,
        "request_no": 1,
        "incarnation": ME,
        "advertiser": 1,
        "campaign": 2,
        "day": 3,
        "amount_micros": 100,
        "budget_version": 1,
        "spend_for_ms": 1,
        "starts_in_ms": 0,
        "ends_in_ms": 1,
    }
    return Lease(**(values | fields)).signed(LEASE_KEY)  # type: ignore[arg-type]


def acceptance(lease: Lease | None) -> LeaseEntry:
    return LeaseEntry(0, [LeaseChange("accepted", b"N" * 16, 1, 2, 3, 100, 0, 7, lease)])


def test_a_lease_that_a_restore_has_lost_is_adopted_on_its_signature() -> None:
    before = state()
    lease = lost_lease()
    effects = run(acceptance(lease), debit(line(30, lease.id)), before=before)
    assert effects.adopted == [lease]
    assert effects.days[KEY] == DayChange(leased=-30, settled=30, lease_no_high=7)
    assert before.leases[lease.id].is_accepted


@pytest.mark.parametrize(
    "lease",
    [
        None,
        lost_lease().signed(b"x" * 32),
        lost_lease(incarnation=b"t" * 16),
        lost_lease(amount_micros=101),
        lost_lease(campaign=9),
    ],
    ids=["unsigned", "forged", "another incarnation's", "of another amount", "another campaign's"],
)
def test_an_unknown_lease_that_does_not_prove_itself_stops_the_stream(lease: Lease | None) -> None:
    refused("never granted", acceptance(lease))


@pytest.mark.parametrize("kind", ["sealed", "tombstoned"])
def test_a_lost_lease_that_was_never_accepted_moves_no_money(kind: str) -> None:
    effects = run(LeaseEntry(0, [LeaseChange(kind, b"N" * 16, 1, 2, 3, 100, 0, 7)]))
    assert effects.days == {KEY: DayChange(lease_no_high=7)}


def test_an_unknown_lease_that_was_spent_from_stops_the_stream() -> None:
    refused("never granted", LeaseEntry(0, [LeaseChange("sealed", b"N" * 16, 1, 2, 3, 100, 5, 7)]))


def test_a_mark_is_counted_once_and_only_upwards() -> None:
    before = state()
    before.census = 10
    run(MarkEntry(0, 12, 10), MarkEntry(0, 11, 10), before=before)
    assert (before.mark, before.epoch) == (12, 10)


def test_a_mark_of_a_history_that_was_lost_says_nothing() -> None:
    before = state()
    before.census = 10
    run(MarkEntry(0, 12, 9), before=before)
    assert (before.mark, before.epoch) == (0, 0)


def test_what_has_to_be_loaded_is_named() -> None:
    chunks = [
        Numbered(1, [debit(line(1)), void(7, line(1, OTHER)), change("sealed", lease=b"S" * 16)])
    ]
    named = names(chunks)
    assert named.leases == {LEASE, OTHER, b"S" * 16}
    assert named.days == {KEY}
    assert named.outcomes == {7}
    assert not named.has_fence
    assert names([Numbered(1, [FenceEntry(0, "")])]).has_fence


def test_what_is_no_id_is_not_looked_up_and_stops_the_stream() -> None:
    assert names([Numbered(1, [debit(line(1, b"short"))])]).leases == set()
    refused("never granted", debit(line(1, b"short")))
