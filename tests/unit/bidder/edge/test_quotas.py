"""Rates: a bucket's arithmetic, and a region's promise shared by its workers."""

from bidder.edge.quotas import Quotas
from bidder.edge.token_bucket import TokenBucket


def taken(bucket: TokenBucket, now_s: float, tries: int = 1000) -> int:
    return sum(bucket.take(now_s) for _ in range(tries))


def test_a_full_bucket_gives_its_burst_at_once() -> None:
    assert taken(TokenBucket(10, 25, 0.0), 0.0) == 25


def test_it_fills_at_its_rate() -> None:
    bucket = TokenBucket(10, 25, 0.0)
    taken(bucket, 0.0)
    assert taken(bucket, 0.5) == 5


def test_it_never_saves_more_than_its_burst() -> None:
    bucket = TokenBucket(10, 25, 0.0)
    taken(bucket, 0.0)
    assert taken(bucket, 1000.0) == 25


def test_a_clock_that_steps_back_adds_nothing() -> None:
    bucket = TokenBucket(10, 25, 100.0)
    taken(bucket, 100.0)
    assert taken(bucket, 50.0) == 0


def test_rate_zero_is_no_limit() -> None:
    assert taken(TokenBucket(0, 0, 0.0), 0.0) == 1000


def test_an_empty_bucket_says_how_long_to_wait() -> None:
    bucket = TokenBucket(10, 25, 0.0)
    taken(bucket, 0.0)
    assert bucket.wait_s() == 0.1


def test_two_workers_each_keep_half_of_a_rate() -> None:
    quotas = Quotas()
    quotas.set_workers(2)
    assert sum(quotas.take("x", 100, 0.0) for _ in range(1000)) == 50


def test_a_rate_changed_in_the_console_counts_from_the_next_request() -> None:
    quotas = Quotas()
    assert sum(quotas.take("x", 100, 0.0) for _ in range(1000)) == 100
    assert sum(quotas.take("x", 200, 1.0) for _ in range(1000)) == 200


def test_exchanges_do_not_share_a_bucket() -> None:
    quotas = Quotas()
    assert sum(quotas.take("x", 10, 0.0) for _ in range(100)) == 10
    assert quotas.take("y", 10, 0.0)
