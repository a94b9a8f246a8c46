"""Services called at the same moment by several people."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django_scopes import scopes_disabled

from campaigns.models import Campaign, Membership
from campaigns.policy import SYSTEM
from campaigns.services.advertiser_save import advertiser_create
from campaigns.services.budget_change import budget_change
from campaigns.services.campaign_create import campaign_create
from campaigns.services.membership_set import membership_remove, membership_set
from campaigns.services.user_save import user_create
from rtbplatform.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], object]]) -> list[bool]:
    """Runs each in its own thread and connection, all starting together; whether each was accepted."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> bool:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            call()
        except ValidationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def make_campaign() -> Campaign:
    acme = advertiser_create(actor=SYSTEM, name="Acme", currency="USD", domain="acme.example")
    return campaign_create(
        actor=SYSTEM,
        advertiser_id=acme.pk,
        name="Spring",
        daily_budget_micros=1_000_000,
        bid_cpm_micros=1_000_000,
    )


def change(campaign: Campaign, daily: int, expected_version: int | None) -> Callable[[], object]:
    return lambda: budget_change(
        actor=SYSTEM,
        campaign_id=campaign.pk,
        daily_budget_micros=daily,
        total_budget_micros=None,
        expected_version=expected_version,
    )


def test_each_budget_change_gets_its_own_version() -> None:
    campaign = make_campaign()
    at_once([change(campaign, 2_000_000 + number, None) for number in range(6)])
    events = OutboxEvent.objects.filter(topic="campaign.budget_changed")
    versions = sorted(event.payload["budget_version"] for event in events)
    assert versions == [2, 3, 4, 5, 6, 7]
    with scopes_disabled():
        assert Campaign.objects.get(pk=campaign.pk).budget_version == 7


def test_of_people_who_saw_the_same_budget_one_changes_it() -> None:
    campaign = make_campaign()
    accepted = at_once([change(campaign, 2_000_000 + number, 1) for number in range(4)])
    assert accepted.count(True) == 1


def test_two_owners_who_leave_at_once_do_not_leave_the_team_alone() -> None:
    acme = advertiser_create(actor=SYSTEM, name="Acme", currency="USD", domain="acme.example")
    owners = [
        user_create(actor=SYSTEM, email=f"{name}@example.com", password="correct horse battery")
        for name in ("ada", "bob")
    ]
    for owner in owners:
        membership_set(actor=SYSTEM, advertiser_id=acme.pk, user_id=owner.pk, role="owner")

    def leave(user_id: int) -> Callable[[], object]:
        return lambda: membership_remove(actor=SYSTEM, advertiser_id=acme.pk, user_id=user_id)

    accepted = at_once([leave(owner.pk) for owner in owners])
    assert accepted.count(True) == 1
    assert Membership.objects.filter(advertiser=acme).count() == 1
