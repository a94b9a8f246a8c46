"""When the banker asks for money, and how much."""

from random import Random

import pytest

from bidder.banker import demand as module
from bidder.banker.demand import Demand
from bidder.banker.leases import Standing
from rtbplatform.kernel.protocol import ProtocolTimes

NOTHING = Standing(0, 0, 0)
PLENTY = Standing(1000, 1000, 10**9)


@pytest.fixture
def demand() -> Demand:
    made = Demand(b"i" * 16, ProtocolTimes(), Random(1))
    made.enabled = True
    return made


def test_it_asks_on_the_first_match_for_twenty_bids(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    request = demand.due(7, NOTHING, 0)
    assert request is not None
    assert (request.no, request.campaign, request.min_amount_micros) == (1, 7, 50)
    assert request.want_micros == 1000
    assert demand.first_sent_ms(1) == 0


def test_nobody_is_asked_before_the_treasury_knows_us(demand: Demand) -> None:
    demand.enabled = False
    demand.wanted(70, 7, 50, 0)
    assert demand.due(7, NOTHING, 0) is None


def test_a_campaign_that_never_matched_is_not_asked_for(demand: Demand) -> None:
    assert demand.due(7, NOTHING, 0) is None


def test_one_request_is_in_flight_and_repeated_with_its_number(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    first = demand.due(7, NOTHING, 0)
    assert demand.due(7, NOTHING, 999) is None
    assert demand.due(7, NOTHING, 1000) == first
    assert demand.due(7, NOTHING, 1001) is None
    assert demand.first_sent_ms(1) == 0


def test_after_an_answer_the_next_request_has_a_new_number(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    demand.answered(7, 1)
    assert demand.due(7, PLENTY, 1) is None
    request = demand.due(7, NOTHING, 1)
    assert request is not None
    assert request.no == 2


def test_an_old_answer_does_not_end_a_newer_request(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    demand.answered(7, 99)
    demand.answered(8, 1)
    assert demand.due(7, NOTHING, 1) is None


def test_after_a_refusal_it_waits_and_takes_a_new_number(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    assert demand.refused(7, 1, 700, 0)
    assert demand.due(7, NOTHING, 699) is None
    request = demand.due(7, NOTHING, 700)
    assert request is not None
    assert request.no == 2


def test_an_old_refusal_is_ignored(demand: Demand) -> None:
    assert not demand.refused(7, 1, 0, 0)
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    assert not demand.refused(7, 99, 0, 0)


def test_it_asks_again_at_forty_per_cent(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    assert demand.due(7, Standing(401, 1000, 10**9), 0) is None
    assert demand.due(7, Standing(400, 1000, 10**9), 0) is not None


def test_it_asks_when_less_than_one_bid_is_left(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    assert demand.due(7, Standing(49, 49, 10**9), 0) is not None


def test_it_asks_before_the_end_but_not_at_every_tick(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    demand.answered(7, 1)
    assert demand.due(7, Standing(1000, 1000, 25_000), 12_999) is None  # jitter: 8 to 12 s
    assert demand.due(7, Standing(1000, 1000, 25_000), 17_000) is not None
    demand.answered(7, 2)
    assert demand.due(7, Standing(1000, 1000, 25_000), 17_100) is None
    assert demand.due(7, Standing(1000, 1000, 25_000), 19_500) is not None


def test_the_size_follows_the_rate(demand: Demand) -> None:
    for ms in range(0, 120_000, 10):
        demand.debited(70, 7, 50, ms)
    request = demand.due(7, NOTHING, 120_000)
    assert request is not None
    expected = 1.25 * (50 / 10) * 30_000
    assert abs(request.want_micros - expected) < 0.05 * expected


def test_the_rate_halves_in_its_halflife(demand: Demand) -> None:
    for ms in range(0, 120_000, 10):
        demand.debited(70, 7, 50, ms)
    before = demand.due(7, NOTHING, 120_000)
    demand.answered(7, 1)
    after = demand.due(7, NOTHING, 135_000)
    assert before is not None
    assert after is not None
    assert abs(after.want_micros * 2 - before.want_micros) < 0.02 * before.want_micros


def test_a_cold_payer_is_dropped_and_a_warm_one_renewed(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.wanted(80, 8, 50, 59_000)
    requests = demand.tick(lambda _: NOTHING, 60_001)
    assert [request.campaign for request in requests] == [8]
    assert demand.payer_count == 1


def test_a_cold_payer_with_a_request_in_flight_is_kept_until_it_is_answered(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.wanted(70, 7, 50, -50_000)
    demand.due(7, NOTHING, 0)
    assert len(demand.tick(lambda _: NOTHING, 20_000)) == 1
    demand.answered(7, 1)
    assert demand.due(7, NOTHING, 20_000) is None
    assert demand.tick(lambda _: NOTHING, 20_000) == []
    assert demand.payer_count == 0


def test_a_cold_payer_whose_request_is_too_old_is_dropped(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    assert demand.tick(lambda _: NOTHING, 70_000) == []
    demand.tick(lambda _: NOTHING, 70_001)
    assert demand.payer_count == 0


def test_the_smallest_bid_is_that_since_the_last_request(demand: Demand) -> None:
    assert demand.smallest_micros(7) == 1
    demand.wanted(70, 7, 10, 0)
    demand.wanted(70, 7, 50, 0)
    assert demand.smallest_micros(7) == 10
    demand.due(7, NOTHING, 0)
    assert demand.smallest_micros(7) == 50


def test_payers_are_bounded(demand: Demand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAYERS_MAX", 1)
    demand.wanted(70, 7, 10, 0)
    demand.debited(80, 8, 10, 0)
    assert (demand.payer_count, demand.overflown) == (1, 1)


def test_remembered_requests_are_bounded(demand: Demand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NUMBERS_KEPT", 1)
    for campaign in (7, 8):
        demand.wanted(70, campaign, 10, 0)
        demand.due(campaign, NOTHING, 0)
    assert demand.first_sent_ms(1) is None
    assert demand.first_sent_ms(2) == 0


def test_a_slow_treasury_is_asked_less_and_less_often(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    sent = [at for at in range(0, 16_000, 100) if demand.due(7, NOTHING, at) is not None]
    assert sent == [0, 1_000, 3_000, 7_000, 15_000]


def test_a_request_whose_lease_would_be_over_is_given_up_for_a_new_one(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    numbers = set()
    for at in range(0, 40_000, 100):
        demand.wanted(70, 7, 50, at)
        request = demand.due(7, NOTHING, at)
        if request is not None:
            numbers.add(request.no)
    assert numbers == {1, 2}
    assert (demand.first_sent_ms(2) or 0) >= 25_000


def test_a_lease_that_came_too_late_is_not_asked_for_again_at_once(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    demand.came_too_late(7, 1, 100)
    assert demand.due(7, NOTHING, 2_000) is None
    assert demand.due(7, NOTHING, 2_100) is not None


def test_an_answer_in_time_restores_patience(demand: Demand) -> None:
    demand.wanted(70, 7, 50, 0)
    demand.due(7, NOTHING, 0)
    demand.due(7, NOTHING, 1_000)
    demand.answered(7, 1)
    demand.due(7, NOTHING, 2_000)
    assert demand.due(7, NOTHING, 2_999) is None
    assert demand.due(7, NOTHING, 3_000) is not None
