"""The sheet on real rows: who is paced, what counts as spent, what leases are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.escrow.models import CampaignDay
from billing.pacing.sheet import PacingSheet
from campaigns.models import Campaign, Targeting
from tests.integration.billing.bank import Bank, debit
from tests.integration.billing.conftest import CALENDAR, NOW_MS

DAY_MS = 86_400_000
TODAY = CALENDAR.day_of("UTC", NOW_MS)


@pytest.fixture
def sheet() -> PacingSheet:
    return PacingSheet({}, DAY_MS // 100)


def test_a_campaign_that_runs_today_is_paced(sheet: PacingSheet, campaign: Campaign) -> None:
    sheet.update(NOW_MS)
    assert set(sheet.pacing(NOW_MS).participation) == {campaign.pk}


def test_a_paused_one_is_not(
    sheet: PacingSheet, campaign: Campaign, tick: Callable[[], object]
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status="paused")
    tick()
    sheet.update(NOW_MS)
    assert sheet.pacing(NOW_MS).participation == {}


def test_asap_is_neither_paced_nor_limited(sheet: PacingSheet, campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(pacing="asap")
    sheet.update(NOW_MS)
    assert sheet.pacing(NOW_MS).participation == {}
    assert sheet.needs == {}


def test_at_noon_a_new_plan_needs_twice_an_even_days_share(
    sheet: PacingSheet, campaign: Campaign
) -> None:
    """1,000 micros over the half of the day that is left, for a hundredth of the day."""
    sheet.update(NOW_MS)
    assert sheet.needs == {(campaign.pk, TODAY): 20}


def test_what_a_total_leaves_is_what_is_spread(
    sheet: PacingSheet, campaign: Campaign, tick: Callable[[], object]
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(total_budget_micros=500, budget_version=2)
    tick()
    sheet.update(NOW_MS)
    assert sheet.needs == {(campaign.pk, TODAY): 10}


def test_money_that_is_quarantined_counts_as_spent(sheet: PacingSheet, campaign: Campaign) -> None:
    CampaignDay.objects.filter(campaign_id=campaign.pk).update(
        available_micros=400, quarantined_micros=600
    )
    sheet.update(NOW_MS)
    assert sheet.needs == {(campaign.pk, TODAY): 8}


def test_spend_that_is_settled_lowers_the_need(
    sheet: PacingSheet, bank: Bank, campaign: Campaign
) -> None:
    bank.settle(debit(bank.lease(campaign.pk), 100))
    sheet.update(NOW_MS)
    assert sheet.needs == {(campaign.pk, TODAY): 18}


def test_hours_that_are_off_need_nothing(sheet: PacingSheet, campaign: Campaign) -> None:
    """On a Tuesday at noon, from 18:00 on."""
    Targeting.objects.update_or_create(
        campaign=campaign, defaults={"hours": [24 + hour for hour in range(18, 24)]}
    )
    sheet.update(NOW_MS)
    assert sheet.needs == {(campaign.pk, TODAY): 0}


def test_after_a_restart_the_probability_is_what_bidders_had(campaign: Campaign) -> None:
    sheet = PacingSheet({campaign.pk: 0.37}, 30_000)
    sheet.update(NOW_MS)
    assert sheet.pacing(NOW_MS).participation == {campaign.pk: 0.37}
