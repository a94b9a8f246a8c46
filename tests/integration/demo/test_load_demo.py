"""`manage.py load_demo`: complete, repeatable, and true to what its file says."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_scopes import scopes_disabled
from pytest_django.fixtures import Settings

from billing.ledger.models import Transaction
from campaigns.models import Advertiser, Campaign, Creative, Dsp, Exchange, User
from campaigns.policy import SYSTEM
from campaigns.services.budget_change import budget_change
from campaigns.snapshot.build import build
from rtbplatform.demo import file
from rtbplatform.demo.file import DemoFile
from rtbplatform.kernel.keys import exchange_key_hash
from rtbplatform.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "demo.json"
    monkeypatch.setenv("DEMO_FILE", str(found))
    monkeypatch.setenv("DSP_BASE_URL", "http://127.0.0.1:7777")
    return found


def load(path: Path) -> DemoFile:
    call_command("load_demo", verbosity=0)
    content = file.read(path)
    assert content is not None
    return content


def test_it_has_what_it_promises(path: Path) -> None:
    load(path)
    with scopes_disabled():
        assert Advertiser.objects.filter(is_platform_owned=False).count() == 3
        assert Campaign.objects.filter(status="active").count() == 12
        assert Campaign.objects.filter(dsp=None).count() == 6
        assert Exchange.objects.count() == 2
        assert Dsp.objects.count() == 6


def test_every_campaign_has_an_approved_creative(path: Path) -> None:
    load(path)
    with scopes_disabled():
        approved = Creative.objects.filter(review_status="approved")
        assert approved.values("campaign").distinct().count() == 12


def test_bidders_get_all_of_it(path: Path) -> None:
    content = load(path)
    snapshot = build(1, timezone.now())
    assert [one.id for one in snapshot.campaigns] == [one.id for one in content.campaigns]
    assert snapshot.exchanges[0].key_hashes == [exchange_key_hash(content.exchange.key)]


def test_the_simulators_know_campaigns_of_their_dsp(path: Path) -> None:
    content = load(path)
    dsp_of = {str(one.id): one.dsp for one in content.campaigns}
    for simulator in content.dsps:
        assert simulator.cids
        assert {dsp_of[cid] for cid in simulator.cids} == {simulator.name}


def test_the_second_load_changes_nothing(path: Path) -> None:
    first = load(path)
    events = OutboxEvent.objects.count()
    assert load(path) == first
    assert OutboxEvent.objects.count() == events


def test_deposits_are_made_once(path: Path) -> None:
    load(path)
    load(path)
    assert Transaction.objects.filter(reference="demo-deposit").count() == 4


def test_what_somebody_changed_stays(path: Path) -> None:
    campaign = load(path).campaigns[0]
    budget_change(
        actor=SYSTEM,
        campaign_id=campaign.id,
        daily_budget_micros=5_000_000,
        total_budget_micros=None,
    )
    assert load(path).campaigns[0].daily_budget_micros == 5_000_000


def test_a_lost_file_is_replaced_by_new_secrets_that_work(path: Path) -> None:
    first = load(path)
    path.unlink()
    second = load(path)
    assert second.exchange.key != first.exchange.key
    login = second.logins["advertiser"]
    assert User.objects.get(email=login.email).check_password(login.password)
    in_force = Exchange.objects.get(slug=second.exchange.slug).keys.filter(revoked_at=None)
    assert [bytes(key.key_hash) for key in in_force] == [exchange_key_hash(second.exchange.key)]


def test_simulators_that_moved_are_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(path)
    monkeypatch.setenv("DSP_BASE_URL", "http://127.0.0.1:8888/")
    assert load(path).dsps[0].endpoint == "http://127.0.0.1:8888/dsp/alder/bid"


def test_the_file_is_its_owners(path: Path) -> None:
    load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_file_is_replaced(path: Path) -> None:
    load(path)
    path.write_text("{broken")
    assert load(path).exchange.key
