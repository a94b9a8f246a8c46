"""The numbers that the console shows."""

from __future__ import annotations

from datetime import timedelta

from billing import selectors
from billing.escrow.models import Incarnation
from billing.settlement.settle import stop_stream
from campaigns.models import Campaign
from tests.integration.billing.bank import STORE, Bank, change, debit
from tests.integration.billing.conftest import NOW


def test_a_days_figures_add_up(bank: Bank, campaign: Campaign) -> None:
    lease, sealed = bank.lease(campaign.pk), bank.lease(campaign.pk)
    bank.settle(debit(lease, 30), change("sealed", sealed))
    figures = selectors.campaign_day_figures(campaign.pk, NOW)
    assert figures is not None
    assert (figures.spent_micros, figures.leased_micros, figures.available_micros) == (30, 170, 800)
    assert figures.floor_micros == 200
    assert figures.budget_micros == figures.asked_micros == 1_000


def test_there_are_no_figures_before_a_day_is_open(campaign: Campaign) -> None:
    assert selectors.campaign_day_figures(campaign.pk, NOW + timedelta(days=2)) is None
    assert selectors.effective_floor_micros(campaign.pk) == 0


def test_the_ideal_line_follows_the_pacing_curve(campaign: Campaign) -> None:
    figures = selectors.campaign_day_figures(campaign.pk, NOW)
    assert figures is not None
    assert figures.ideal_micros(NOW) == 500
    assert figures.ideal_micros(NOW, "ahead") == 646
    assert figures.ideal_micros(NOW, "asap") == 1_000


def test_a_balance_knows_what_is_free(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    figures = selectors.balance(campaign.advertiser_id)
    assert (figures.balance_micros, figures.committed_micros) == (999_970, 200)
    assert figures.free_micros == 999_800


def test_an_advertiser_without_deposits_has_nothing(db: None) -> None:
    assert selectors.balance(77).free_micros == 0


def test_stopped_streams_and_alarms_are_shown(bank: Bank, campaign: Campaign) -> None:
    stop_stream(STORE, bank.incarnation, "because")
    assert [stream.alarm for stream in selectors.streams()] == ["because"]
    assert [alarm.text for alarm in selectors.open_alarms()] == ["because"]
    Incarnation.objects.update(state="closed")
    assert selectors.streams() == []
    assert len(selectors.streams(open_only=False)) == 1
    assert selectors.treasuries() == []
