"""Whatever bankers that keep the rules write, settlement moves every micro and makes none.

Two streams of one campaign-day: one debits and holds, the other one brings notices about its holds, before or after
their auctions; a third incarnation's leases are in quarantine, and notices of its lost auctions come as well.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from billing.escrow import coordinator
from billing.escrow.values import Book, Day, LeaseState, Scope
from billing.settlement.apply import apply
from billing.settlement.changes import Effects, Numbered, StreamState
from billing.settlement.fold import fold
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import (
    AuctionEntry,
    Claim,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    MarkEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
)

KEY = (1, 2, 3)
AMOUNT = 100
LEASE_KEY = b"k" * 32
ME, DEAD = b"m" * 16, b"d" * 16
GRANTED = [bytes([number]) * 16 for number in range(1, 4)]
FORGOTTEN = b"F" * 16
"""A lease that a restore has lost: its stream brings it back."""
LOST = b"L" * 16
"""In quarantine, with its auctions."""
MINE = [*GRANTED, FORGOTTEN]


def lease_of(name: bytes) -> Lease:
    number = MINE.index(name) + 1
    lease = Lease(name, number, number, ME, *KEY, AMOUNT, 1, 25_000, 0, 1_000_000)
    return lease.signed(LEASE_KEY)


def fresh() -> StreamState:
    leases = [LeaseState(one, KEY, "eu", AMOUNT, incarnation=ME) for one in GRANTED]
    leases.append(LeaseState(LOST, KEY, "us", AMOUNT, state="quarantined", incarnation=DEAD))
    return StreamState(ME, "eu", LEASE_KEY, 5, {one.id: one for one in leases})


def fresh_day(available: int) -> Day:
    """The forgotten lease is not in it: what there is for it may or may not be enough."""
    leased = AMOUNT * len(GRANTED)
    budget = leased + AMOUNT + available
    return Day(
        advertiser=1,
        campaign=2,
        day=3,
        asked=budget,
        budget=budget,
        version=1,
        is_running=True,
        available=available,
        leased=leased,
        quarantined=AMOUNT,
    ).check()


class Script(Struct):
    """A stream as a lawful banker writes it, and what it remembers meanwhile."""

    entries: list[Entry] = field(default_factory=list)
    spent: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(MINE, 0))
    is_open: dict[bytes, bool] = field(
        default_factory=lambda: {one: one != FORGOTTEN for one in MINE}
    )
    undecided: dict[int, AuctionEntry] = field(default_factory=dict)
    holds: list[tuple[bytes, DebitLine]] = field(default_factory=list)
    """Also of auctions that are still to come: notices may be settled before them."""

    def change(self, kind: str, lease: bytes) -> None:
        signed = lease_of(lease) if kind == "accepted" else None
        told = LeaseChange(kind, lease, *KEY, AMOUNT, self.spent[lease], signed_no(lease), signed)
        self.entries.append(LeaseEntry(0, [told]))


def signed_no(lease: bytes) -> int:
    return lease_of(lease).no


KINDS = ["debit", "hold", "hold", "void", "unknown", "seal", "adopt", "mark", "lost", "claim"]


@st.composite
def streams(draw: st.DrawFn) -> list[Entry]:
    script = Script()
    for _ in range(draw(st.integers(0, 40))):
        _step(draw, script, draw(st.sampled_from(KINDS)))
    entries = list(script.entries)
    for debit, line in script.holds:
        if draw(st.booleans()):
            # Anywhere, also before its auction; numbers of outcomes are put right below.
            entries.insert(draw(st.integers(0, len(entries))), _notice(draw, debit, line))
    if draw(st.booleans()):
        entries.append(FenceEntry(0, "end"))
    return _renumbered(script.entries, entries)


def _step(draw: st.DrawFn, script: Script, kind: str) -> None:
    seq = len(script.entries) + 1
    lease = draw(st.sampled_from(MINE))
    match kind:
        case "debit" | "hold" if script.is_open[lease] and script.spent[lease] < AMOUNT:
            amount = draw(st.integers(1, AMOUNT - script.spent[lease]))
            line = DebitLine(0, *KEY, lease, amount)
            script.spent[lease] += amount
            debit_id = seq.to_bytes(16, "big")
            hold_ms = 1_000 if kind == "hold" else 0
            entry = AuctionEntry(0, draw(st.integers(1, 2)), 0, debit_id, [line], b"", hold_ms)
            script.undecided[seq] = entry
            if hold_ms:
                script.holds.append((debit_id, line))
            script.entries.append(entry)
        case "void" | "unknown" if script.undecided:
            debit = draw(st.sampled_from(sorted(script.undecided)))
            auction = script.undecided.pop(debit)
            told = [Outcome(debit, auction.exchange, auction.lines)]
            if kind == "void":
                # Not a byte of the answer was written: nobody has the URLs of its notices.
                script.holds = [one for one in script.holds if one[0] != auction.debit_id]
                script.spent[auction.lines[0].lease] -= auction.lines[0].amount_micros
            void, unknown = (told, []) if kind == "void" else ([], told)
            script.entries.append(OutcomeEntry([], void, unknown))
        case "seal" if script.is_open[lease]:
            script.is_open[lease] = False
            script.change("sealed", lease)
        case "adopt" if not any(is_acceptance(one) for one in script.entries):
            script.is_open[FORGOTTEN] = True
            script.change("accepted", FORGOTTEN)
        case "mark":
            script.entries.append(MarkEntry(0, draw(st.integers(1, 9)), draw(st.integers(4, 5))))
        case "lost":
            debit_id = draw(st.integers(1, 3)).to_bytes(16, "little")
            script.entries.append(
                _notice(draw, debit_id, DebitLine(0, *KEY, LOST, draw(st.integers(1, 80))))
            )
        case _:
            pass


def is_acceptance(entry: Entry) -> bool:
    return isinstance(entry, LeaseEntry) and entry.changes[0].kind == "accepted"


def _notice(draw: st.DrawFn, debit: bytes, line: DebitLine) -> NoticeEntry:
    claim = Claim(
        draw(st.sampled_from(["billing", "billing", "loss"])),
        0,
        *KEY,
        line.lease,
        line.amount_micros,
        draw(st.integers(0, line.amount_micros + 20)),
    )
    return NoticeEntry(0, 1, 0, debit, b"", claim)


def _renumbered(before: Sequence[Entry], after: Sequence[Entry]) -> list[Entry]:
    """Outcomes name their debits' new places."""
    places = {id(entry): seq for seq, entry in enumerate(after, start=1)}
    moved = {seq: places[id(entry)] for seq, entry in enumerate(before, start=1)}

    def put(outcomes: list[Outcome]) -> list[Outcome]:
        return [Outcome(moved[one.seq], one.exchange, one.lines) for one in outcomes]

    return [
        OutcomeEntry([], put(entry.void), put(entry.unknown))
        if isinstance(entry, OutcomeEntry)
        else entry
        for entry in after
    ]


def check(effects: Effects, state: StreamState, before: Day) -> None:
    after = apply(before, effects.days[KEY]) if effects.days else before
    leases, holds = state.leases.values(), state.holds.values()
    assert after.leased == sum(one.rest for one in leases if one.state == "open")
    assert after.held == sum(one.amount for one in holds if one.state == "held")
    assert after.quarantined == sum(one.rest for one in leases if one.state == "quarantined")
    assert after.settled + after.held == sum(one.settled - one.released for one in leases)
    assert after.settled == sum(one.amount for one in effects.spends.values())
    assert after.late == sum(one.amount for one in effects.losses.values())
    assert after.late == sum(one.late for one in holds)
    assert 0 <= after.unknown <= after.settled
    returned = sum(effects.days[KEY].returned.values()) if effects.days else 0
    assert after.allocated == returned
    assert returned == sum(one.returned + one.released for one in leases)
    for lease in leases:
        assert 0 <= lease.released <= lease.settled <= AMOUNT
        is_out = lease.state in {"open", "quarantined"}
        assert lease.returned == (0 if is_out else AMOUNT - lease.settled)


def with_adopted(effects: Effects, day: Day) -> Day:
    """As saving does it, before anything else; its scopes have no limit here."""
    for lease in effects.adopted:
        day = coordinator.adopt(Book(day, Scope(), Scope()), lease.amount_micros, lease.no).day
    return day


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(0, 2 * AMOUNT))
def test_a_lawful_stream_is_settled_and_every_micro_is_somewhere(
    entries: list[Entry], available: int
) -> None:
    state, before = fresh(), fresh_day(available)
    effects = fold([Numbered(1, entries)], state)
    adopted = with_adopted(effects, before)
    assert adopted.excess == max(0, AMOUNT * len(effects.adopted) - available)
    assert adopted.budget == before.budget + adopted.excess
    check(effects, state, adopted)
    for what in ("adopted", "losses", "parked", "alarms"):
        event(f"{what}: {bool(getattr(effects, what))}")
    if state.is_fenced:
        mine = [one for one in state.leases.values() if one.incarnation == ME]
        assert not any(lease.state == "open" for lease in mine)


def settle_in_runs(entries: list[Entry], cuts: Sequence[int]) -> StreamState:
    """As settlement does it: what is parked waits for its debit in the next runs."""
    state = fresh()
    for start, end in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        fold([Numbered(start + 1, entries[start:end])], state)
    return state


@settings(max_examples=150, deadline=None)
@given(streams(), st.data())
def test_how_a_stream_is_cut_into_runs_changes_nothing(
    entries: list[Entry], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(entries)), max_size=4)))
    whole, parts = settle_in_runs(entries, []), settle_in_runs(entries, cuts)
    assert whole.leases == parts.leases
    assert whole.holds == parts.holds


@settings(max_examples=100, deadline=None)
@given(streams())
def test_notices_that_come_again_change_nothing(entries: list[Entry]) -> None:
    state = fresh()
    fold([Numbered(1, entries)], state)
    if state.is_fenced:
        return
    leases, holds = copy.deepcopy(state.leases), copy.deepcopy(state.holds)
    notices = [one for one in entries if isinstance(one, NoticeEntry)]
    again = fold([Numbered(len(entries) + 1, [*notices, *notices])], state)
    decided = [one for one in again.losses.values() if one.amount]
    # A bill that came after its loss notice, whatever their order was, is lost once; nothing else moves.
    assert state.leases == leases
    assert not again.spends
    late = sum(one.late for one in state.holds.values()) - sum(one.late for one in holds.values())
    assert sum(one.amount for one in decided) == late


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["billing", "loss"]), st.integers(0, 40)), max_size=4),
    st.integers(0, 4),
)
def test_a_notice_before_or_after_its_debit_is_the_same_money(
    claims: list[tuple[str, int]], place: int
) -> None:
    line = DebitLine(0, *KEY, GRANTED[0], 30)
    debit = AuctionEntry(0, 1, 0, b"D" * 16, [line], b"", 1_000)
    # What waits is kept once per kind: so the same notice comes again, not another one of its kind.
    first = dict(reversed(claims))
    notices: list[Entry] = [
        NoticeEntry(0, 1, 0, b"D" * 16, b"", Claim(kind, 0, *KEY, GRANTED[0], 30, first[kind]))
        for kind, _ in claims
    ]
    after, before = fresh(), fresh()
    told = fold([Numbered(1, [debit, *notices])], after)
    entries = [*notices[:place], debit, *notices[place:]]
    early = fold([Numbered(1, entries)], before)
    assert told.days == early.days
    assert after.leases == before.leases
    assert {name: one.late for name, one in after.holds.items()} == {
        name: one.late for name, one in before.holds.items()
    }
