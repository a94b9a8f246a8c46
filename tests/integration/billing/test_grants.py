"""Grants on real Postgres: money moves from the campaign-day to leases, once per request (R3, R4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from billing.escrow.grants import Office, grant_leases
from billing.escrow.models import BudgetScope, CampaignDay, Incarnation, LeaseRow
from billing.ledger.deposits import deposit
from campaigns.models import Advertiser, Campaign
from rtbplatform.kernel.wire import Grant
from tests.integration.billing.bank import STORE, Bank
from tests.integration.billing.conftest import CALENDAR, NOW_MS, TIMES

pytestmark = pytest.mark.usefixtures("sound")


def test_a_lease_is_signed_and_carries_what_the_banker_needs(
    bank: Bank, campaign: Campaign, office: Office
) -> None:
    lease = bank.lease(campaign.pk)
    assert lease.verify(office.lease_key)
    assert (lease.amount_micros, lease.no, lease.request_no) == (200, 1, 1)
    assert (lease.spend_for_ms, lease.starts_in_ms) == (25_000, 0)
    assert lease.ends_in_ms == 12 * 3_600_000


def test_a_lease_holds_twice_what_pacing_needs_in_a_term(
    bank: Bank, campaign: Campaign, office: Office
) -> None:
    today = CALENDAR.day_of("UTC", NOW_MS)
    needs = {(campaign.pk, today): 30, (campaign.pk, today + 1): 1}
    request = bank.request(campaign.pk)
    ((_, answer),) = grant_leases(STORE, office, [request], {}, 1.0, NOW_MS, needs)
    assert isinstance(answer, Grant)
    assert answer.lease.amount_micros == 60


def test_a_lease_takes_its_money_out_of_the_day_and_its_scopes(
    bank: Bank, campaign: Campaign, the_day: Callable[[], CampaignDay]
) -> None:
    bank.lease(campaign.pk)
    day = the_day()
    assert (day.available_micros, day.leased_micros) == (800, 200)
    assert set(BudgetScope.objects.values_list("kind", "committed_micros")) == {
        ("balance", 200),
        ("total", 200),
    }


def test_a_repeated_request_gets_the_same_lease_again(bank: Bank, campaign: Campaign) -> None:
    request = bank.request(campaign.pk)
    first, second = bank.ask(request), bank.ask(request)
    assert first == second
    assert LeaseRow.objects.count() == 1


def test_a_request_repeated_later_gets_the_same_bytes(bank: Bank, campaign: Campaign) -> None:
    request = bank.request(campaign.pk)
    ((_, first),) = bank.ask(request)
    bank.now_ms += 60_000
    ((_, second),) = bank.ask(request)
    assert isinstance(first, Grant)
    assert first == second


def test_a_request_twice_in_one_batch_gets_one_lease(bank: Bank, campaign: Campaign) -> None:
    request = bank.request(campaign.pk)
    first, second = bank.ask(request, request)
    assert first == second


def test_leases_of_a_campaign_day_are_numbered_over_all_bankers(
    bank: Bank, campaign: Campaign, office: Office
) -> None:
    other = Bank(office, bank.advertiser, NOW_MS, incarnation=b"2" * 16).register()
    numbers = [one.lease(campaign.pk).no for one in (bank, other, bank)]
    assert numbers == [1, 2, 3]


def test_a_batch_over_several_campaigns_is_answered_in_order(
    bank: Bank,
    campaign: Campaign,
    make_campaign: Callable[..., Campaign],
    tick: Callable[[], object],
) -> None:
    second = make_campaign("Autumn")
    tick()
    answers = bank.ask(bank.request(second.pk), bank.request(campaign.pk), bank.request(9_999))
    assert [getattr(answer, "reason", "granted") for _, answer in answers] == [
        "granted",
        "granted",
        "not_running",
    ]


def test_leases_never_exceed_the_budget(
    bank: Bank, campaign: Campaign, the_day: Callable[[], CampaignDay]
) -> None:
    granted = 0
    for _ in range(100):
        ((_, answer),) = bank.ask(bank.request(campaign.pk))
        granted += answer.lease.amount_micros if isinstance(answer, Grant) else 0
    assert granted == 1_000
    assert bank.refusal(campaign.pk) == "exhausted"
    assert the_day().available_micros == 0


def test_the_balance_limits_what_campaigns_get_together(
    advertiser: Advertiser,
    bank: Bank,
    make_campaign: Callable[..., Campaign],
    tick: Callable[[], object],
) -> None:
    for name in ("One", "Two"):
        make_campaign(name, daily_budget_micros=10_000_000)
    tick()
    granted = 0
    for campaign in Campaign.objects.all():
        for _ in range(60):
            request = bank.request(campaign.pk, want=10**9)
            ((_, answer),) = bank.ask(request)
            granted += answer.lease.amount_micros if isinstance(answer, Grant) else 0
    assert granted == 1_000_000


def test_a_deposit_gives_room_again(
    advertiser: Advertiser,
    bank: Bank,
    make_campaign: Callable[..., Campaign],
    tick: Callable[[], object],
) -> None:
    campaign = make_campaign(daily_budget_micros=10_000_000)
    tick()
    while isinstance(bank.ask(bank.request(campaign.pk, want=10**9))[0][1], Grant):
        pass
    deposit(advertiser.pk, 500, "USD", "second")
    assert bank.lease(campaign.pk).amount_micros == 200


def test_the_total_budget_limits_the_day(
    bank: Bank, make_campaign: Callable[..., Campaign], tick: Callable[[], object]
) -> None:
    campaign = make_campaign(total_budget_micros=15)
    tick()
    assert bank.lease(campaign.pk).amount_micros == 15
    assert bank.refusal(campaign.pk) == "exhausted"


def test_an_unregistered_banker_gets_nothing(office: Office, campaign: Campaign) -> None:
    stranger = Bank(office, campaign.advertiser_id, NOW_MS, incarnation=b"?" * 16)
    assert stranger.refusal(campaign.pk) == "unregistered"


@pytest.mark.parametrize("state", ["closed", "stopped", "quarantined"])
def test_an_ended_incarnation_gets_nothing(bank: Bank, campaign: Campaign, state: str) -> None:
    Incarnation.objects.update(state=state)
    assert bank.refusal(campaign.pk) == "fenced"


def test_a_paused_campaign_gets_nothing(
    bank: Bank, campaign: Campaign, tick: Callable[..., object]
) -> None:
    Campaign.objects.update(status="paused")
    tick(1)
    assert bank.refusal(campaign.pk) == "not_running"


def test_a_campaign_of_another_advertiser_gets_nothing(bank: Bank, campaign: Campaign) -> None:
    request = replace(bank.request(campaign.pk), advertiser=campaign.advertiser_id + 1)
    ((_, answer),) = bank.ask(request)
    assert getattr(answer, "reason", "") == "not_running"


def test_shortly_before_midnight_the_next_days_lease_comes_once_per_banker(
    bank: Bank, campaign: Campaign, tick: Callable[..., object]
) -> None:
    tomorrow_ms = CALENDAR.interval("UTC", CALENDAR.day_of("UTC", NOW_MS))[1]
    bank.now_ms = tomorrow_ms - 4_000
    tick(bank.now_ms - NOW_MS)
    first, second = bank.lease(campaign.pk), bank.lease(campaign.pk)
    assert first.day == second.day + 1
    assert first.starts_in_ms == 4_000
    assert second.ends_in_ms == 4_000
    row = LeaseRow.objects.get(day=first.day)
    assert int(row.expires_at.timestamp() * 1000) == tomorrow_ms + TIMES.lease_term_ms
