"""Whatever a banker that keeps the rules writes, settlement moves every micro and makes none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.settlement.fold import Effects, LeaseState, Numbered, StreamState, settle
from rtbplatform.kernel.stream import (
    AuctionEntry,
    DebitLine,
    Entry,
    FenceEntry,
    LeaseChange,
    LeaseEntry,
    Outcome,
    OutcomeEntry,
)

LEASES = [bytes([number]) * 16 for number in range(1, 5)]
AMOUNT = 100
KEYS = {lease: (1, 2, number % 2) for number, lease in enumerate(LEASES)}


def fresh() -> StreamState:
    return StreamState({lease: LeaseState(lease, KEYS[lease], "eu", AMOUNT) for lease in LEASES})


@st.composite
def streams(draw: st.DrawFn) -> list[Entry]:
    """A stream as a lawful banker writes it."""
    entries: list[Entry] = []
    spent = dict.fromkeys(LEASES, 0)
    is_open = dict.fromkeys(LEASES, True)
    undecided: dict[int, list[DebitLine]] = {}
    for _ in range(draw(st.integers(0, 30))):
        seq = len(entries) + 1
        lease = draw(st.sampled_from(LEASES))
        key = KEYS[lease]
        match draw(st.sampled_from(["debit", "debit", "debit", "void", "unknown", "seal"])):
            case "debit" if is_open[lease] and spent[lease] < AMOUNT:
                amount = draw(st.integers(0, AMOUNT - spent[lease]))
                lines = [DebitLine(0, *key, lease, amount)]
                spent[lease] += amount
                undecided[seq] = lines
                entries.append(AuctionEntry(0, draw(st.integers(1, 2)), 0, b"D" * 16, lines, b""))
            case ("void" | "unknown") as kind if undecided:
                debit = draw(st.sampled_from(sorted(undecided)))
                lines = undecided.pop(debit)
                exchange = entries[debit - 1].exchange  # type: ignore[union-attr]
                told = [Outcome(debit, exchange, lines)]
                if kind == "void":
                    spent[lines[0].lease] -= lines[0].amount_micros
                entries.append(
                    OutcomeEntry(
                        [], told if kind == "void" else [], told if kind == "unknown" else []
                    )
                )
            case "seal" if is_open[lease]:
                is_open[lease] = False
                entries.append(
                    LeaseEntry(0, [LeaseChange("sealed", lease, *key, AMOUNT, spent[lease])])
                )
            case _:
                continue
    if draw(st.booleans()):
        entries.append(FenceEntry(0, "end"))
    return entries


def check(effects: Effects, state: StreamState) -> None:
    for key, day in effects.days.items():
        assert day.leased + day.settled + sum(day.returned.values()) == 0
        of_day = [lease for lease in state.leases.values() if lease.key == key]
        assert day.settled == sum(lease.settled for lease in of_day)
        assert 0 <= day.unknown <= day.settled
        spends = [s.amount for place, s in effects.spends.items() if place[:3] == key]
        assert sum(spends) == day.settled
    for lease in state.leases.values():
        assert 0 <= lease.settled <= AMOUNT
        assert lease.returned == (0 if lease.state == "open" else AMOUNT - lease.settled)


@settings(max_examples=300, deadline=None)
@given(streams())
def test_a_lawful_stream_is_settled_and_every_micro_is_somewhere(entries: list[Entry]) -> None:
    state = fresh()
    effects = settle([Numbered(1, entries)], state)
    check(effects, state)
    assert effects.is_fenced == any(isinstance(entry, FenceEntry) for entry in entries)
    if effects.is_fenced:
        assert not any(lease.state == "open" for lease in state.leases.values())


@settings(max_examples=300, deadline=None)
@given(streams(), st.data())
def test_how_a_stream_is_cut_into_runs_changes_nothing(
    entries: list[Entry], data: st.DataObject
) -> None:
    whole, parts = fresh(), fresh()
    settle([Numbered(1, entries)], whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(entries)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        settle([Numbered(start + 1, entries[start:end])], parts)
    assert whole.leases == parts.leases
