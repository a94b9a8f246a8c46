"""Which of many requests the desk answers."""

from billing.treasury.desk import newest
from rtbplatform.kernel.wire import LeaseRequest


def request(no: int, campaign: int = 7, banker: bytes = b"b" * 16) -> LeaseRequest:
    return LeaseRequest(banker, no, 1, campaign, 10, 100)


def test_a_request_that_was_asked_again_is_answered_once() -> None:
    assert newest([request(1), request(1)]) == [request(1)]


def test_what_a_banker_has_given_up_is_not_answered() -> None:
    assert newest([request(1), request(3), request(2)]) == [request(3)]


def test_each_campaign_of_each_banker_gets_its_answer() -> None:
    asked = [request(1), request(2, campaign=8), request(1, banker=b"c" * 16)]
    assert newest(asked) == asked
