"""The admin: every page opens for who may see it, and changes go through services."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled
from pytest_django.fixtures import Settings

from campaigns.models import Campaign, Exchange, FxRate, Membership, PlatformSwitch, User
from campaigns.policy import SYSTEM
from campaigns.services.advertiser_save import advertiser_create
from campaigns.services.campaign_create import campaign_create
from campaigns.services.creative_save import creative_create
from campaigns.services.exchange_key import exchange_key_create
from campaigns.services.exchange_save import exchange_create
from campaigns.services.membership_set import membership_set
from campaigns.services.user_save import user_create
from fraud.models import BlockEntry
from fraud.services import block_entry_set
from rtbplatform.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db
OURS = [model for model in admin.site._registry if model._meta.app_label in {"campaigns", "fraud"}]


@pytest.fixture(autouse=True)
def plain(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def rows() -> SimpleNamespace:
    """One row of most kinds."""
    acme = advertiser_create(actor=SYSTEM, name="Acme", currency="USD", domain="acme.example")
    campaign = campaign_create(
        actor=SYSTEM,
        advertiser_id=acme.pk,
        name="Spring",
        daily_budget_micros=10_000_000,
        bid_cpm_micros=1_000_000,
    )
    creative = creative_create(
        actor=SYSTEM,
        campaign_id=campaign.pk,
        crid="c",
        format="banner",
        width=300,
        height=250,
        markup="<b>ad</b>",
    )
    exchange = exchange_create(actor=SYSTEM, slug="x", name="X")
    exchange_key_create(actor=SYSTEM, exchange_id=exchange.pk, label="k")
    block = block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.1")
    return SimpleNamespace(
        acme=acme, campaign=campaign, creative=creative, exchange=exchange, block=block
    )


def login(client: Client, *roles: str) -> User:
    email = f"{'-'.join(roles) or 'nobody'}@example.com"
    user = user_create(
        actor=SYSTEM, email=email, password="correct horse battery", staff_roles=roles
    )
    client.force_login(user)
    return user


def url(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_and_row_opens(
    client: Client, rows: SimpleNamespace, model: type[Model]
) -> None:
    login(client, "admin")
    assert client.get(url(model, "changelist")).status_code == 200
    row = model._base_manager.first()
    if row is not None:
        assert client.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_who_has_no_role_sees_nothing(client: Client, model: type[Model]) -> None:
    login(client)
    assert client.get(url(model, "changelist")).status_code in {302, 403}


def test_finance_may_look_at_campaigns_and_not_change_them(
    client: Client, rows: SimpleNamespace
) -> None:
    login(client, "finance")
    page = url(Campaign, "change", rows.campaign.pk)
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "changed"}).status_code == 403


def test_a_change_goes_through_the_service(client: Client, rows: SimpleNamespace) -> None:
    login(client, "operator")
    form = {
        "name": "X",
        "qps_max": "100",
        "increment_cpm_micros": "10000",
        "currencies": "USD",
        "charging": "at_auction",
        "billing_horizon_s": "300",
        "signature_version": "1",
        "active": "on",
        "reason": "contract",
    }
    client.post(url(Exchange, "change", rows.exchange.pk), form)
    assert Exchange.objects.get().qps_max == 100
    assert OutboxEvent.objects.order_by("id").last().topic == "exchange.changed"


def test_a_budget_changed_here_counts_its_version_up(client: Client, rows: SimpleNamespace) -> None:
    login(client, "operator")
    form = {
        "status": "draft",
        "name": "Spring",
        "bid_cpm_micros": "1000000",
        "pacing": "even",
        "starts_at_0": rows.campaign.starts_at.strftime("%Y-%m-%d"),
        "starts_at_1": rows.campaign.starts_at.strftime("%H:%M:%S"),
        "frequency_cap_count": "0",
        "frequency_cap_window_s": "0",
        "daily_budget_micros": "20000000",
    }
    client.post(url(Campaign, "change", rows.campaign.pk), form)
    with scopes_disabled():
        changed = Campaign.objects.get(pk=rows.campaign.pk)
    assert (changed.daily_budget_micros, changed.budget_version) == (20_000_000, 2)


def test_a_refusal_of_the_service_is_told(client: Client, rows: SimpleNamespace) -> None:
    user = login(client, "admin")
    membership = membership_set(
        actor=SYSTEM, advertiser_id=rows.acme.pk, user_id=user.pk, role="owner"
    )
    page = url(Membership, "change", membership.pk)
    answer = client.post(page, {"role": "analyst"}, follow=True)
    assert "needs an owner" in answer.content.decode()


def test_a_block_entry_is_removed_through_the_service(
    client: Client, rows: SimpleNamespace
) -> None:
    login(client, "fraud_analyst")
    client.post(url(BlockEntry, "delete", rows.block.pk), {"post": "yes"})
    assert not BlockEntry.objects.exists()
    assert OutboxEvent.objects.order_by("id").last().topic == "block.changed"


def test_the_new_key_is_shown_once(client: Client, rows: SimpleNamespace) -> None:
    login(client, "operator")
    page = "admin:campaigns_exchangekey_add"
    form = {"exchange": rows.exchange.pk, "label": "second"}
    answer = client.post(reverse(page), form, follow=True)
    assert "shown only now" in answer.content.decode()


def test_the_admin_says_whose_it_is(client: Client) -> None:
    login(client, "admin")
    page = client.get(reverse("admin:index")).content.decode()
    assert "RTB platform administration</title>" in " ".join(page.split()).replace(" </", "</")
    assert "Django site admin" not in page


@pytest.mark.parametrize(
    ("model", "plural"),
    [
        (PlatformSwitch, "platform switches"),
        (FxRate, "FX rates"),
        (apps.get_model("campaigns", "DspEvent"), "DSP events"),
    ],
)
def test_kinds_of_rows_are_named_as_people_write_them(model: type[Model], plural: str) -> None:
    assert str(model._meta.verbose_name_plural) == plural


def test_the_admins_names_need_no_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
