"""R8, the worker's side: what is reported, what a late acknowledgement and a lost banker mean."""

import pytest

from bidder.reserve.promises import Promises
from rtbplatform.kernel.ipc import Committed, Mirror, Outcomes, Refused, Want

ONE, TWO = b"1" * 16, b"2" * 16


@pytest.fixture
def promises() -> Promises:
    made = Promises()
    made.welcomed()
    made.mirror.apply(Mirror(True, {7: 100}))
    return made


def submit(promises: Promises, debit_id: bytes = ONE) -> None:
    promises.submitted(debit_id, [Want(0, 70, 7, 30)])


def test_a_debit_under_way_lowers_what_others_may_try(promises: Promises) -> None:
    submit(promises)
    assert promises.mirror.fundable == {7: 70}
    promises.answered(Refused(ONE, [7]))
    assert promises.mirror.fundable == {7: 100}


def test_an_answer_is_taken_once(promises: Promises) -> None:
    submit(promises)
    assert promises.answered(Committed(ONE, []))
    assert not promises.answered(Committed(ONE, []))


def test_a_commit_in_time_reports_nothing_by_itself(promises: Promises) -> None:
    submit(promises)
    promises.answered(Committed(ONE, []))
    assert promises.take_outcomes() is None


def test_a_commit_after_the_deadline_is_void(promises: Promises) -> None:
    submit(promises)
    promises.given_up(ONE)
    assert promises.answered(Committed(ONE, []))
    assert promises.take_outcomes() == Outcomes([], [ONE], [])


def test_a_refusal_after_the_deadline_reports_nothing(promises: Promises) -> None:
    submit(promises)
    promises.given_up(ONE)
    promises.answered(Refused(ONE, [7]))
    assert promises.take_outcomes() is None


def test_reports_are_told_once_and_by_kind(promises: Promises) -> None:
    promises.sent(ONE)
    promises.unknown(TWO)
    assert promises.take_outcomes() == Outcomes([ONE], [], [TWO])
    assert promises.take_outcomes() is None


def test_a_lost_banker_ends_what_is_under_way_and_every_report(promises: Promises) -> None:
    submit(promises)
    promises.sent(TWO)
    assert promises.lost() == [ONE]
    assert promises.mirror.fundable == {}
    promises.welcomed()
    assert promises.take_outcomes() is None
    assert not promises.answered(Committed(ONE, []))


def test_nothing_is_reported_while_the_banker_is_away(promises: Promises) -> None:
    promises.lost()
    promises.sent(ONE)
    promises.welcomed()
    assert promises.take_outcomes() is None
