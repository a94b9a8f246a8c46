"""When a dead process starts again, and when the run gives up."""

from rtbplatform.local.restarts import Restarts


def die(restarts: Restarts, *, lived_s: float, now_s: float) -> float:
    return restarts.died(started_at_s=now_s - lived_s, now_s=now_s)


def test_the_delay_doubles_from_100_ms_to_five_seconds() -> None:
    restarts = Restarts()
    delays = [die(restarts, lived_s=0.1, now_s=float(n)) for n in range(8)]
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_ten_seconds_of_life_reset_the_delay() -> None:
    restarts = Restarts()
    for n in range(4):
        die(restarts, lived_s=0.1, now_s=float(n))
    assert die(restarts, lived_s=10.0, now_s=20.0) == 0.1


def test_a_smaller_maximum_is_kept() -> None:
    restarts = Restarts(delay_max_s=1.0)
    delays = [die(restarts, lived_s=0.1, now_s=float(n)) for n in range(6)]
    assert max(delays) == 1.0


def test_five_deaths_within_thirty_seconds_are_hopeless() -> None:
    restarts = Restarts()
    for n in range(5):
        die(restarts, lived_s=0.1, now_s=n * 7.0)
    assert restarts.hopeless()


def test_five_deaths_in_a_longer_time_are_not_hopeless() -> None:
    restarts = Restarts()
    for n in range(10):
        die(restarts, lived_s=0.1, now_s=n * 8.0)
    assert not restarts.hopeless()


def test_two_records_share_nothing() -> None:
    first, second = Restarts(), Restarts()
    for n in range(5):
        die(first, lived_s=0.1, now_s=float(n))
    assert not second.hopeless()
