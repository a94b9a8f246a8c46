"""The search for the highest good rate."""

import pytest

from bench.figures import Percentiles, Summary
from bench.search import Probe, highest

FAST, SLOW = Percentiles(10, 20, 30, 40), Percentiles(200, 300, 400, 500)


def probe(rate: float, *, slow: int = 0, late: Percentiles = FAST, bids: int = 900) -> Probe:
    statuses = {200: bids, 204: 1000 - bids}
    on_time = Percentiles(0.5, 1, 2, 3) if late is FAST else late
    return Probe(rate, Summary(1000, 1.0, statuses, FAST, [], on_time, slow, 5), {"bidder": 1.0})


@pytest.mark.parametrize("limit", [1100, 3000, 7777])
def test_it_comes_within_a_tenth_of_the_limit_and_never_above(limit: float) -> None:
    found = highest(
        lambda rate: probe(rate, slow=0 if rate <= limit else 50),
        first=500,
        rate_max=20_000,
        tell=lambda _: None,
    )
    assert limit * 0.9 <= found <= limit


def test_a_generator_that_is_late_makes_a_rate_no_good() -> None:
    assert probe(500, late=SLOW).failures(0.9) == ["generator 300.0 ms late"]


def test_losing_bids_under_load_makes_a_rate_no_good() -> None:
    assert probe(500, bids=700).failures(0.9) == ["70.0% answered with a bid instead of 90.0%"]


def test_nothing_is_found_when_the_first_rate_already_fails() -> None:
    assert highest(lambda rate: probe(rate, slow=9), first=500, rate_max=9e9, tell=print) == 0
