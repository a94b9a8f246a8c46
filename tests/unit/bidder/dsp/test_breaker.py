"""The breaker, as values: when it opens, probes and closes."""

from bidder.demand.dsp.breaker import CLOSED, HALF_OPEN, OPEN, Breaker


def opened(now_s: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        assert breaker.allows(now_s)
        breaker.failure(now_s)
    return breaker


def test_five_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failure(1.0)
    assert breaker.state == CLOSED
    breaker.failure(1.0)
    assert breaker.state == OPEN
    assert not breaker.allows(1.1)


def test_a_success_between_failures_starts_the_row_again() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.success(1.0)
        for _ in range(3):
            breaker.failure(1.0)
    assert breaker.state == CLOSED


def test_half_of_a_window_failing_opens_it() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.success(1.0)
        breaker.failure(1.0)
    assert breaker.state == OPEN


def test_a_third_of_a_window_failing_does_not() -> None:
    breaker = Breaker()
    for _ in range(30):
        breaker.success(1.0)
        breaker.success(1.0)
        breaker.failure(1.0)
    assert breaker.state == CLOSED


def test_failures_of_long_ago_do_not_count() -> None:
    breaker = Breaker()
    for _ in range(15):
        breaker.success(1.0)
    for start in (2.0, 30.0, 60.0):
        for _ in range(4):
            breaker.failure(start)
        breaker.success(start)
    assert breaker.state == CLOSED


def test_it_lets_nothing_through_for_thirty_seconds() -> None:
    breaker = opened(100.0)
    assert not breaker.allows(129.9)
    assert breaker.allows(130.0)


def test_half_open_lets_one_probe_through_at_a_time() -> None:
    breaker = opened(100.0)
    assert breaker.allows(131.0)
    assert not breaker.allows(131.0)
    breaker.success(131.1)
    assert breaker.state == HALF_OPEN
    assert breaker.allows(131.2)


def test_three_successful_probes_close_it() -> None:
    breaker = opened(100.0)
    for _ in range(3):
        assert breaker.allows(131.0)
        breaker.success(131.0)
    assert breaker.state == CLOSED


def test_a_failed_probe_opens_it_for_another_thirty_seconds() -> None:
    breaker = opened(100.0)
    assert breaker.allows(131.0)
    breaker.failure(131.0)
    assert not breaker.allows(160.0)
    assert breaker.allows(161.0)


def test_a_probe_that_says_nothing_may_be_repeated() -> None:
    breaker = opened(100.0)
    assert breaker.allows(131.0)
    breaker.neutral()
    assert breaker.allows(131.0)


def test_late_answers_while_open_do_not_close_it() -> None:
    breaker = opened(100.0)
    for _ in range(5):
        breaker.success(101.0)
    assert breaker.state == OPEN
