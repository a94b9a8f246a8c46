"""A funded advertiser with a running campaign, and a banker that is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django_scopes import scopes_disabled

from billing.escrow import census, upkeep
from billing.escrow.grants import Office
from billing.escrow.journal import Journal
from billing.escrow.models import CampaignDay
from billing.invariants import find_violations
from billing.ledger.deposits import deposit
from campaigns.models import Advertiser, Campaign
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import ProtocolTimes
from tests.integration.billing.bank import STORE, Bank, new_journal

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
CALENDAR = BudgetCalendar()
TIMES = ProtocolTimes()


@pytest.fixture(autouse=True)
def without_tenant() -> Iterator[None]:
    """Billing is system code: it sees all tenants."""
    with scopes_disabled():
        yield


@pytest.fixture
def advertiser(db: None) -> Advertiser:
    made = Advertiser.objects.create(name="Acme", currency="USD", domain="acme.example")
    deposit(made.pk, 1_000_000, "USD", "first")
    return made


@pytest.fixture
def make_campaign(advertiser: Advertiser) -> Callable[..., Campaign]:
    def make(name: str = "Spring", **fields: object) -> Campaign:
        values = {
            "status": "active",
            "currency": "USD",
            "time_zone": "UTC",
            "daily_budget_micros": 1_000,
            "bid_cpm_micros": 10_000,
            "starts_at": NOW - timedelta(days=1),
        }
        return Campaign.objects.create(advertiser=advertiser, name=name, **(values | fields))

    return make


@pytest.fixture
def journal() -> Journal:
    """The treasury's, in memory."""
    return new_journal()


@pytest.fixture
def gate(db: None, journal: Journal) -> None:
    """The first census is complete: nobody is registered yet, so there is nobody to wait for."""
    assert census.step(STORE, journal, "eu", lambda: None, NOW_MS)


@pytest.fixture
def tick(gate: None, journal: Journal) -> Callable[..., dict[str, int]]:
    """The coordinator's tick, some milliseconds after noon."""

    def run(after_ms: int = 0) -> dict[str, int]:
        return upkeep.tick(STORE, journal, "eu", TIMES, NOW_MS + after_ms)

    return run


@pytest.fixture
def campaign(make_campaign: Callable[..., Campaign], tick: Callable[[], object]) -> Campaign:
    """It runs, with a daily budget of 1,000 micros, and its day is open."""
    made = make_campaign()
    tick()
    return made


@pytest.fixture
def office() -> Office:
    return Office("eu", TIMES, b"k" * 32)


@pytest.fixture
def bank(gate: None, office: Office, advertiser: Advertiser) -> Bank:
    return Bank(office, advertiser.pk, NOW_MS).register()


@pytest.fixture
def the_day(campaign: Campaign) -> Callable[[], CampaignDay]:
    """Today's row of the campaign, as it is now."""

    def read() -> CampaignDay:
        return CampaignDay.objects.get(campaign_id=campaign.pk, day=CALENDAR.day_of("UTC", NOW_MS))

    return read


@pytest.fixture
def sound(db: None) -> Iterator[None]:
    """After the test, every invariant holds."""
    yield
    assert find_violations() == []
