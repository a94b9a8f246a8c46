"""The worker's mirror: the banker's word less what is under way."""

from bidder.reserve.backlog import RECORDS_MAX, Backlog
from bidder.reserve.mirror import FundableMirror
from rtbplatform.kernel import ipc
from rtbplatform.kernel.stream import SubjectKey

WANTS = [ipc.Want(0, 70, 7, 30)]
KEY = SubjectKey(b"k", b"s", b"w", 1)


def mirror() -> FundableMirror:
    made = FundableMirror()
    made.apply(ipc.Mirror(True, {7: 100, 8: 5}))
    return made


def test_a_debit_under_way_is_lowered_at_once() -> None:
    made = mirror()
    made.leaves(WANTS)
    assert made.fundable == {7: 70, 8: 5}


def test_the_bankers_word_then_the_acknowledgement_lower_it_once() -> None:
    made = mirror()
    made.leaves(WANTS)
    made.apply(ipc.Mirror(False, {7: 70}))
    made.returns(WANTS)
    assert made.fundable[7] == 70


def test_what_is_exhausted_is_not_in_the_mirror() -> None:
    made = mirror()
    made.apply(ipc.Mirror(False, {8: 0}))
    assert made.fundable == {7: 100}


def test_a_full_mirror_replaces_all_before() -> None:
    made = mirror()
    made.apply(ipc.Mirror(True, {9: 1}))
    assert made.fundable == {9: 1}


def test_losing_the_banker_empties_it_in_place() -> None:
    made = mirror()
    held = made.fundable
    made.clear()
    assert held == {}
    assert held is made.fundable


def record(keys: list[SubjectKey]) -> ipc.Record:
    return ipc.Record(1, 1, 0, b"event", keys)


def test_records_beyond_the_bound_are_dropped_counted_and_reported_once() -> None:
    backlog = Backlog()
    for _ in range(RECORDS_MAX + 2):
        backlog.add(record([]))
    assert backlog.dropped == 2
    frames = backlog.take()
    assert len(frames) == RECORDS_MAX + 1
    assert ipc.decode_to_banker(frames[-1][4:]) == ipc.Lost(2, "the banker was away or too slow")
    assert backlog.take() == []


def test_keys_of_a_dropped_record_go_with_the_next_one() -> None:
    backlog = Backlog()
    backlog.keep_keys([KEY])
    assert backlog.with_keys([]) == [KEY]
    assert backlog.with_keys([]) == []
