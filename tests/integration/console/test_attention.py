"""What waits for a person, and what the platform has paid, are on the health page."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.escrow.models import CampaignDay, CensusRow, Freeze, Incarnation, LeaseRow
from campaigns.models import Campaign
from rtbplatform.kernel.ids import uuid7, uuid_text


@pytest.fixture
def lost(campaign: Campaign) -> str:
    """An incarnation in quarantine with 20 units of the campaign, of which a bill came too late."""
    name = uuid_text(uuid7(1))
    now = timezone.now()
    CampaignDay.objects.create(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        day=20_000,
        currency="USD",
        starts_at=now,
        ends_at=now,
        asked_micros=20_000_000,
        budget_micros=20_000_000,
        quarantined_micros=20_000_000,
        late_micros=1_500_000,
        version=1,
    )
    Incarnation.objects.create(
        id=name,
        region="eu",
        pod="eu-2",
        machine="m",
        started_at=now,
        state="quarantined",
        quarantine_mark=7,
        alarm="its disk was destroyed",
    )
    LeaseRow.objects.create(
        advertiser_id=campaign.advertiser_id,
        id=uuid_text(uuid7(2)),
        campaign_id=campaign.pk,
        day=20_000,
        region="eu",
        incarnation_id=name,
        request_no=1,
        no=1,
        budget_version=1,
        amount_micros=20_000_000,
        state="quarantined",
        granted_at=now,
        expires_at=now,
        spend_for_ms=1,
        starts_in_ms=0,
        ends_in_ms=1,
    )
    return name


def health(as_: Callable[..., Client], cast: SimpleNamespace) -> str:
    return as_(cast.operator).get(reverse("console:health_live")).content.decode()


def test_an_operator_sees_what_is_in_quarantine_and_why(
    as_: Callable[..., Client], cast: SimpleNamespace, lost: str
) -> None:
    page = health(as_, cast)
    assert lost in page
    assert "its disk was destroyed" in page
    assert "20.00" in page


def test_an_operator_sees_what_the_platform_has_paid(
    as_: Callable[..., Client], cast: SimpleNamespace, lost: str
) -> None:
    page = health(as_, cast)
    assert "Paid by the platform" in page
    assert "1.50" in page


def test_an_operator_sees_frozen_campaigns(
    as_: Callable[..., Client], cast: SimpleNamespace, campaign: Campaign
) -> None:
    Freeze.objects.create(campaign_id=campaign.pk, version=9, reason="a newer budget was known")
    assert "a newer budget was known" in health(as_, cast)


def test_an_operator_sees_what_a_census_waits_for(
    as_: Callable[..., Client], cast: SimpleNamespace
) -> None:
    now = timezone.now()
    silent = Incarnation.objects.create(
        id=uuid_text(uuid7(3)), region="eu", pod="eu-7", machine="m", started_at=now
    )
    CensusRow.objects.create(no=5, server="this start")
    page = health(as_, cast)
    assert "the treasury of eu, which has not compared its journal" in page
    assert f"the banker of eu-7, eu ({silent.pk}, open)" in page


def test_nothing_is_shown_where_nothing_waits(
    as_: Callable[..., Client], cast: SimpleNamespace
) -> None:
    page = health(as_, cast)
    assert "Waits for a person" not in page
    assert "Paid by the platform" not in page
