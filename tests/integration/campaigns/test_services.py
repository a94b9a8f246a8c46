"""Services: what they change, what they refuse, and what they leave behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django_scopes import scopes_disabled

from campaigns.models import Campaign, CampaignStatus, Exchange, Membership, ReviewStatus
from campaigns.policy import SYSTEM
from campaigns.services.budget_change import budget_change
from campaigns.services.campaign_status import campaign_pause, campaign_resume, campaign_set_status
from campaigns.services.campaign_update import campaign_update
from campaigns.services.creative_review import creative_review
from campaigns.services.creative_save import creative_update
from campaigns.services.dsp_save import dsp_auth_value, dsp_create, dsp_update
from campaigns.services.exchange_key import exchange_key_create, exchange_key_revoke
from campaigns.services.exchange_save import exchange_create
from campaigns.services.kill_switch import advertiser_kill, platform_switch_set
from campaigns.services.membership_set import membership_remove, membership_set
from campaigns.services.targeting_set import targeting_set
from fraud.models import BlockEntry
from fraud.services import block_entry_remove, block_entry_set
from rtbplatform.kernel.keys import exchange_key_hash
from rtbplatform.outbox.models import OutboxEvent
from tests.integration.campaigns.cast import DOLLAR, make_campaign, make_creative

pytestmark = pytest.mark.django_db


def last_event() -> OutboxEvent:
    return OutboxEvent.objects.order_by("id").last()


def change_budget(campaign: Campaign, actor: Any, daily: int, **more: Any) -> Campaign:
    return budget_change(
        actor=actor,
        campaign_id=campaign.pk,
        daily_budget_micros=daily,
        total_budget_micros=None,
        **more,
    )


def test_a_new_campaign_is_a_draft_in_its_advertisers_currency(campaign: Campaign) -> None:
    assert (campaign.status, campaign.currency) == (CampaignStatus.DRAFT, "USD")


def test_a_budget_change_counts_its_version_up(campaign: Campaign, cast: SimpleNamespace) -> None:
    assert change_budget(campaign, cast.owner, 50 * DOLLAR).budget_version == 2


def test_the_same_budget_again_is_no_change(campaign: Campaign, cast: SimpleNamespace) -> None:
    assert change_budget(campaign, cast.owner, 100 * DOLLAR).budget_version == 1


def test_a_budget_change_tells_what_was_asked(campaign: Campaign, cast: SimpleNamespace) -> None:
    change_budget(campaign, cast.owner, 50 * DOLLAR)
    event = last_event()
    assert (event.topic, event.advertiser_id) == ("campaign.budget_changed", cast.acme.pk)
    assert event.payload == {
        "campaign": campaign.pk,
        "daily_budget_micros": 50 * DOLLAR,
        "total_budget_micros": None,
        "budget_version": 2,
    }


def test_a_budget_that_changed_meanwhile_is_not_overwritten(
    campaign: Campaign, cast: SimpleNamespace
) -> None:
    change_budget(campaign, cast.owner, 50 * DOLLAR)
    with pytest.raises(ValidationError, match="meanwhile"):
        change_budget(campaign, cast.manager, 60 * DOLLAR, expected_version=1)


@pytest.mark.parametrize("daily", [0, -1, 10**15 + 1])
def test_an_impossible_budget_is_refused(
    campaign: Campaign, cast: SimpleNamespace, daily: int
) -> None:
    with pytest.raises(ValidationError, match="above 0"):
        change_budget(campaign, cast.owner, daily)


def test_a_refused_change_leaves_nothing_behind(campaign: Campaign, cast: SimpleNamespace) -> None:
    before = OutboxEvent.objects.count()
    with pytest.raises(ValidationError):
        change_budget(campaign, cast.owner, 0)
    with scopes_disabled():
        campaign = Campaign.objects.get(pk=campaign.pk)
    assert (campaign.budget_version, OutboxEvent.objects.count()) == (1, before)


def test_the_database_refuses_a_negative_budget(campaign: Campaign) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), scopes_disabled():
        Campaign.objects.filter(pk=campaign.pk).update(daily_budget_micros=-1)


def test_history_names_who_and_why(campaign: Campaign, cast: SimpleNamespace) -> None:
    change_budget(campaign, cast.manager, 50 * DOLLAR, reason="season ends")
    entry = apps.get_model("campaigns", "CampaignEvent").objects.order_by("pgh_id").last()
    assert entry.daily_budget_micros == 50 * DOLLAR
    assert entry.pgh_context.metadata["user"] == cast.manager.pk
    assert entry.pgh_context.metadata["reason"] == "season ends"


def test_history_catches_raw_sql(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE campaigns_campaign SET name = 'raw' WHERE id = %s", [campaign.pk])
    entry = apps.get_model("campaigns", "CampaignEvent").objects.order_by("pgh_id").last()
    assert entry.name == "raw"


def test_history_cannot_be_changed(campaign: Campaign) -> None:
    history = apps.get_model("campaigns", "CampaignEvent").objects
    with pytest.raises(Exception, match=r"[Cc]annot"), transaction.atomic():
        history.update(name="forged")


def test_pause_and_resume(campaign: Campaign, cast: SimpleNamespace) -> None:
    campaign_resume(actor=cast.owner, campaign_id=campaign.pk)
    paused = campaign_pause(actor=cast.owner, campaign_id=campaign.pk)
    assert paused.status == CampaignStatus.PAUSED
    assert last_event().payload == {"campaign": campaign.pk, "status": "paused"}


def test_an_ended_campaign_stays_ended(campaign: Campaign, cast: SimpleNamespace) -> None:
    campaign_set_status(actor=cast.owner, campaign_id=campaign.pk, status="ended")
    with pytest.raises(ValidationError, match="is ended cannot become active"):
        campaign_resume(actor=cast.owner, campaign_id=campaign.pk)


def test_an_analyst_may_not_edit(campaign: Campaign, cast: SimpleNamespace) -> None:
    with pytest.raises(PermissionDenied, match="edit campaigns"):
        campaign_pause(actor=cast.analyst, campaign_id=campaign.pk)


@pytest.mark.parametrize("stranger", ["rival_owner", "outsider"])
def test_to_strangers_a_campaign_does_not_exist(
    campaign: Campaign, cast: SimpleNamespace, stranger: str
) -> None:
    with pytest.raises(Campaign.DoesNotExist):
        campaign_pause(actor=getattr(cast, stranger), campaign_id=campaign.pk)


def test_the_currency_of_a_campaign_stays(campaign: Campaign, cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="cannot be changed"):
        campaign_update(actor=cast.owner, campaign_id=campaign.pk, currency="EUR")


def test_two_campaigns_of_a_team_differ_in_name(campaign: Campaign, cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError):
        make_campaign(cast)


def test_an_advertiser_may_not_name_a_dsp(cast: SimpleNamespace) -> None:
    dsp = dsp_create(actor=cast.operator, slug="d", name="D", seat="d", endpoint="http://d/bid")
    with pytest.raises(PermissionDenied):
        make_campaign(cast, dsp=dsp)


def test_targeting_is_replaced_as_a_whole(campaign: Campaign, cast: SimpleNamespace) -> None:
    targeting_set(actor=cast.owner, campaign_id=campaign.pk, countries=["USA"], os=["ios"])
    targeting = targeting_set(actor=cast.owner, campaign_id=campaign.pk, countries=["DEU", "DEU"])
    assert (targeting.countries, targeting.os) == (["DEU"], [])


def test_wrong_targeting_is_refused_in_a_sentence(
    campaign: Campaign, cast: SimpleNamespace
) -> None:
    with pytest.raises(ValidationError, match="alpha-3"):
        targeting_set(actor=cast.owner, campaign_id=campaign.pk, countries=["de"])


def test_a_changed_creative_is_reviewed_again(campaign: Campaign, cast: SimpleNamespace) -> None:
    creative = make_creative(cast, campaign)
    creative_review(actor=cast.operator, creative_id=creative.pk, approve=True)
    changed = creative_update(actor=cast.owner, creative_id=creative.pk, width=320)
    assert changed.review_status == ReviewStatus.PENDING


def test_advertisers_do_not_review_their_own_creatives(
    campaign: Campaign, cast: SimpleNamespace
) -> None:
    creative = make_creative(cast, campaign)
    with pytest.raises(PermissionDenied):
        creative_review(actor=cast.owner, creative_id=creative.pk, approve=True)


def test_a_rejection_says_why(campaign: Campaign, cast: SimpleNamespace) -> None:
    creative = make_creative(cast, campaign)
    with pytest.raises(ValidationError, match="Say why"):
        creative_review(actor=cast.operator, creative_id=creative.pk, approve=False)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"markup": "<img src='http://cdn.example/a.png'>"}, "HTTPS"),
        ({"width": 0}, "width and a height"),
        ({"format": "video", "mimes": ["video/mp4"]}, "duration"),
        ({"adomain": []}, "domain"),
    ],
)
def test_an_unusable_creative_is_refused(
    campaign: Campaign, cast: SimpleNamespace, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        make_creative(cast, campaign, **fields)


def test_of_an_exchange_key_only_the_hash_is_kept(cast: SimpleNamespace) -> None:
    exchange = exchange_create(actor=cast.operator, slug="x", name="X")
    key, clear = exchange_key_create(actor=cast.operator, exchange_id=exchange.pk, label="first")
    key.refresh_from_db()
    assert bytes(key.key_hash) == exchange_key_hash(clear)


def test_a_third_key_needs_one_revoked(cast: SimpleNamespace) -> None:
    exchange = exchange_create(actor=cast.operator, slug="x", name="X")
    first, _ = exchange_key_create(actor=cast.operator, exchange_id=exchange.pk, label="1")
    exchange_key_create(actor=cast.operator, exchange_id=exchange.pk, label="2")
    with pytest.raises(ValidationError, match="revoke one"):
        exchange_key_create(actor=cast.operator, exchange_id=exchange.pk, label="3")
    exchange_key_revoke(actor=cast.operator, key_id=first.pk)
    exchange_key_create(actor=cast.operator, exchange_id=exchange.pk, label="3")


def make_dsp(cast: SimpleNamespace) -> Any:
    return dsp_create(
        actor=cast.operator,
        slug="d",
        name="D",
        seat="d",
        endpoint="http://d/bid",
        auth_header="Authorization",
        auth_value="Bearer tell-nobody",
    )


def test_a_dsps_credential_is_sealed_in_the_database(cast: SimpleNamespace) -> None:
    dsp = make_dsp(cast)
    dsp.refresh_from_db()
    assert b"tell-nobody" not in bytes(dsp.auth_value_sealed)
    assert dsp_auth_value(dsp) == "Bearer tell-nobody"


def test_a_credential_cannot_add_a_header(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="line breaks"):
        dsp_update(actor=cast.operator, dsp_id=make_dsp(cast).pk, auth_value="a\r\nHost: b")


@pytest.mark.parametrize("stranger", ["owner", "fraud", "finance"])
def test_only_operators_and_admins_edit_the_market(cast: SimpleNamespace, stranger: str) -> None:
    with pytest.raises(PermissionDenied):
        exchange_create(actor=getattr(cast, stranger), slug="x", name="X")


def test_a_team_keeps_an_owner(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="needs an owner"):
        membership_remove(actor=cast.owner, advertiser_id=cast.acme.pk, user_id=cast.owner.pk)


def test_who_leaves_a_team_leaves_history(cast: SimpleNamespace) -> None:
    membership_remove(actor=cast.owner, advertiser_id=cast.acme.pk, user_id=cast.analyst.pk)
    assert not Membership.objects.filter(user=cast.analyst).exists()
    entries = apps.get_model("campaigns", "MembershipEvent").objects.filter(user_id=cast.analyst.pk)
    assert [entry.pgh_label for entry in entries.order_by("pgh_id")] == ["insert", "delete"]


def test_a_manager_may_not_change_the_team(cast: SimpleNamespace) -> None:
    with pytest.raises(PermissionDenied):
        membership_set(
            actor=cast.manager, advertiser_id=cast.acme.pk, user_id=cast.manager.pk, role="owner"
        )


def test_kill_switches_need_a_reason(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        platform_switch_set(actor=cast.operator, reason=" ", killed=True)


def test_an_advertiser_is_killed(cast: SimpleNamespace) -> None:
    killed = advertiser_kill(
        actor=cast.operator, advertiser_id=cast.acme.pk, killed=True, reason="fraud"
    )
    assert killed.killed


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("ip", " 192.0.2.7 ", "192.0.2.7"),
        ("datacenter", "192.0.2.7/24", "192.0.2.0/24"),
        ("user_agent", "BadBot", "badbot"),
        ("bundle", "Com.Example", "Com.Example"),
    ],
)
def test_block_values_are_written_in_one_way(
    cast: SimpleNamespace, kind: str, value: str, kept: str
) -> None:
    assert block_entry_set(actor=cast.fraud, kind=kind, value=value).value == kept


@pytest.mark.parametrize(
    ("kind", "value"), [("ip", "nonsense"), ("ip", "0.0.0.0/0"), ("user_agent", "a")]
)
def test_dangerous_block_values_are_refused(cast: SimpleNamespace, kind: str, value: str) -> None:
    with pytest.raises(ValidationError):
        block_entry_set(actor=cast.fraud, kind=kind, value=value)


def test_a_block_entry_is_set_once(cast: SimpleNamespace) -> None:
    for reason in ("a", "b"):
        block_entry_set(actor=cast.fraud, kind="ip", value="192.0.2.7", block_reason=reason)
    assert [entry.reason for entry in BlockEntry.objects.all()] == ["b"]


def test_a_block_entry_is_removed(cast: SimpleNamespace) -> None:
    entry = block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.7")
    block_entry_remove(actor=cast.fraud, entry_id=entry.pk)
    assert not BlockEntry.objects.exists()


def test_an_exchange_may_be_charged_on_its_billing_notice(cast: SimpleNamespace) -> None:
    made = exchange_create(
        actor=cast.operator, slug="x", name="X", charging="on_billing_notice", billing_horizon_s=60
    )
    assert Exchange.objects.get(pk=made.pk).billing_horizon_s == 60


@pytest.mark.parametrize("seconds", [0, 9, 86_401])
def test_a_billing_horizon_that_is_not_sensible_is_refused(
    cast: SimpleNamespace, seconds: int
) -> None:
    with pytest.raises(ValidationError, match="billing_horizon_s"):
        exchange_create(actor=cast.operator, slug="x", name="X", billing_horizon_s=seconds)


@pytest.mark.parametrize("code", ["IAB1", "IAB26-4", "IAB19-36"])
def test_a_category_of_iabs_taxonomy_is_taken(
    code: str, campaign: Campaign, cast: SimpleNamespace
) -> None:
    targeting = targeting_set(actor=cast.owner, campaign_id=campaign.pk, categories=[code])
    assert targeting.categories == [code]


@pytest.mark.parametrize("code", ["nonsense", "IAB27", "IAB0", "iab1", "IAB1-08", "1"])
def test_a_category_that_iabs_taxonomy_has_not_is_refused_wherever_it_is_set(
    code: str, campaign: Campaign, cast: SimpleNamespace
) -> None:
    with pytest.raises(ValidationError, match="not an IAB content category"):
        campaign_update(actor=cast.owner, campaign_id=campaign.pk, categories=[code])
    with pytest.raises(ValidationError, match="not an IAB content category"):
        targeting_set(actor=cast.owner, campaign_id=campaign.pk, not_categories=[code])
    with pytest.raises(ValidationError, match="not an IAB content category"):
        make_creative(cast, campaign, categories=[code])
