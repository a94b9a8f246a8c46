"""The coordinator's tick on real Postgres: days open, change and close; unleased money moves; leases are asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from billing.escrow.grants import Office
from billing.escrow.models import BudgetScope, CampaignDay, RegionAllocation
from campaigns.models import Advertiser, Campaign
from tests.integration.billing.bank import STORE, Bank, change, debit
from tests.integration.billing.conftest import CALENDAR, NOW, NOW_MS

pytestmark = pytest.mark.usefixtures("sound")
Tick = Callable[..., dict[str, int]]
Day = Callable[[], CampaignDay]
MIDNIGHT_MS = 12 * 3_600_000


def set_budget(micros: int, **fields: object) -> None:
    Campaign.objects.update(
        daily_budget_micros=micros, budget_version=F("budget_version") + 1, **fields
    )


def test_a_running_campaigns_day_is_opened(campaign: Campaign, the_day: Day) -> None:
    day = the_day()
    assert (day.budget_micros, day.available_micros, day.is_running) == (1_000, 1_000, True)
    assert (day.starts_at, day.ends_at) == (NOW - timedelta(hours=12), NOW + timedelta(hours=12))


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "paused"},
        {"starts_at": NOW + timedelta(hours=1)},
        {"ends_at": NOW},
        {"currency": "EUR"},
    ],
)
def test_a_campaign_that_does_not_run_gets_no_day(
    make_campaign: Callable[..., Campaign], tick: Tick, fields: dict[str, object]
) -> None:
    make_campaign(**fields)
    tick()
    assert not CampaignDay.objects.exists()


def test_a_killed_advertiser_gets_no_leases(campaign: Campaign, bank: Bank, tick: Tick) -> None:
    Advertiser.objects.update(killed=True)
    tick(1)
    assert bank.refusal(campaign.pk) == "not_running"


def test_a_tick_without_changes_writes_nothing(campaign: Campaign, tick: Tick) -> None:
    assert not any(tick(1).values())


def test_the_next_day_is_opened_shortly_before_it_starts(campaign: Campaign, tick: Tick) -> None:
    tick(MIDNIGHT_MS - 31_000)
    assert CampaignDay.objects.count() == 1
    tick(MIDNIGHT_MS - 30_000)
    assert CampaignDay.objects.count() == 2


def test_a_raised_budget_is_in_force_at_the_next_tick(
    campaign: Campaign, the_day: Day, tick: Tick
) -> None:
    set_budget(1_500)
    tick(1)
    assert (the_day().budget_micros, the_day().available_micros) == (1_500, 1_500)


def test_a_budget_cut_below_what_is_out_keeps_the_effective_floor_and_recalls(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick, office: Office
) -> None:
    lease = bank.lease(campaign.pk, want=400)
    bank.settle(change("accepted", lease), debit(lease, 100))
    set_budget(150)
    tick(1)
    assert (the_day().asked_micros, the_day().budget_micros) == (150, 400)
    assert bank.refusal(campaign.pk) == "exhausted"
    assert STORE.leases_to_recall("eu", NOW_MS) == {bank.incarnation: [lease.id]}
    bank.settle(change("sealed", lease, 100))
    tick(2)
    assert (the_day().budget_micros, the_day().available_micros) == (150, 50)
    assert STORE.leases_to_recall("eu", NOW_MS) == {}


def test_a_budget_cut_takes_back_what_regions_have_not_leased(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    lease = bank.lease(campaign.pk, want=400)
    bank.settle(change("sealed", lease))
    assert the_day().allocated_micros == 400
    set_budget(100)
    tick(1)
    assert the_day().budget_micros == 100


def test_a_pause_returns_unleased_money_and_recalls_leases(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    sealed, lease = bank.lease(campaign.pk), bank.lease(campaign.pk)
    bank.settle(change("sealed", sealed))
    Campaign.objects.update(status="paused")
    tick(1)
    assert (the_day().allocated_micros, the_day().leased_micros) == (0, 200)
    assert STORE.leases_to_recall("eu", NOW_MS) == {bank.incarnation: [lease.id]}
    assert STORE.leases_to_recall("us", NOW_MS) == {}


def test_a_total_cut_below_what_is_out_recalls(campaign: Campaign, bank: Bank, tick: Tick) -> None:
    lease = bank.lease(campaign.pk)
    set_budget(1_000, total_budget_micros=50)
    tick(1)
    assert bank.refusal(campaign.pk) == "exhausted"
    assert STORE.leases_to_recall("eu", NOW_MS) == {bank.incarnation: [lease.id]}


def test_a_total_taken_away_gives_room_again(
    make_campaign: Callable[..., Campaign], bank: Bank, tick: Tick
) -> None:
    campaign = make_campaign(total_budget_micros=0)
    tick()
    assert bank.refusal(campaign.pk) == "exhausted"
    set_budget(1_000, total_budget_micros=None)
    tick(1)
    assert bank.lease(campaign.pk).amount_micros == 200


def test_leases_past_their_term_are_asked_for_by_id(
    campaign: Campaign, bank: Bank, office: Office
) -> None:
    lease = bank.lease(campaign.pk)
    assert STORE.leases_past_term("eu", NOW_MS + 29_999, office.lease_key) == {}
    late = STORE.leases_past_term("eu", NOW_MS + 30_000, office.lease_key)
    assert late == {bank.incarnation: [lease]}


def test_time_alone_moves_no_money(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    bank.lease(campaign.pk)
    tick(MIDNIGHT_MS + 3_600_000)
    assert the_day().leased_micros == 200
    assert not the_day().is_closed


def test_a_day_that_is_over_returns_its_unleased_money_and_closes(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(change("sealed", lease))
    tick(MIDNIGHT_MS)
    day = the_day()
    assert (day.is_closed, day.available_micros, day.allocated_micros) == (True, 1_000, 0)
    assert BudgetScope.objects.get(kind="balance").committed_micros == 0


def test_a_late_seal_opens_a_closed_day_until_its_money_is_back(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    lease = bank.lease(campaign.pk)
    CampaignDay.objects.update(is_closed=True)
    bank.settle(change("sealed", lease))
    assert not the_day().is_closed
    tick(MIDNIGHT_MS)
    assert the_day().is_closed


def test_money_follows_demand_to_another_region(
    campaign: Campaign, bank: Bank, the_day: Day, tick: Tick
) -> None:
    lease = bank.lease(campaign.pk, want=400)
    bank.settle(change("sealed", lease))
    RegionAllocation.objects.update(demand_micros_s=0)
    day = CALENDAR.day_of("UTC", NOW_MS)
    RegionAllocation.objects.create(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        day=day,
        region="us",
        demand_micros_s=100,
        asked_at=NOW,
    )
    tick()
    unleased = dict(RegionAllocation.objects.values_list("region", "unleased_micros"))
    assert unleased == {"eu": 0, "us": 1_000}
