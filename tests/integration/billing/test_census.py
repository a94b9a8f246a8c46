"""The census on real Postgres: after a start or a restore nothing is granted until everybody was heard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import F
from msgspec.structs import replace

from billing.escrow import census, marks
from billing.escrow.confirm import confirm_budget, confirm_census
from billing.escrow.grants import Office
from billing.escrow.journal import Journal, Life
from billing.escrow.models import Alarm, CensusRow, Freeze, Incarnation, LeaseRow, SignOff
from billing.invariants import find_violations
from campaigns.models import Campaign
from campaigns.policy import SYSTEM
from rtbplatform.kernel.stream import FenceEntry, MarkEntry
from tests.integration.billing.bank import STORE, Bank, change, debit, new_journal
from tests.integration.billing.conftest import NOW_MS

Tick = Callable[..., dict[str, int]]


def restart_postgres() -> None:
    """What a census compares with says another start."""
    CensusRow.objects.update(server="another start")


def write_mark(bank: Bank) -> None:
    """The banker writes the mark that it owes, and has it settled."""
    mark = marks.owed(STORE, "eu")[bank.incarnation]
    bank.settle(MarkEntry(0, mark.no, mark.epoch))


def test_the_first_census_has_nobody_to_wait_for(gate: None) -> None:
    assert CensusRow.objects.get().completed_at is not None


def test_an_ordinary_role_may_ask_which_start_this_is(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE ordinary NOLOGIN")
        cursor.execute("SET LOCAL ROLE ordinary")
    assert STORE.server() == STORE.server() != ""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def test_after_a_start_nothing_is_granted_at_once(bank: Bank, campaign: Campaign) -> None:
    restart_postgres()
    assert bank.refusal(campaign.pk) == "census"


def test_a_lease_granted_before_is_told_again_during_a_census(
    bank: Bank, campaign: Campaign
) -> None:
    request = bank.request(campaign.pk)
    before = bank.ask(request)
    restart_postgres()
    assert bank.ask(request) == before


def test_grants_go_on_when_every_stream_has_settled_the_mark(
    bank: Bank, campaign: Campaign, tick: Tick
) -> None:
    restart_postgres()
    tick(1)
    assert bank.refusal(campaign.pk) == "census"
    write_mark(bank)
    tick(2)
    newest = CensusRow.objects.latest("no")
    assert newest.completed_at is not None
    assert bank.lease(campaign.pk).epoch == newest.no


def test_a_census_waits_for_the_bankers_of_every_region(
    bank: Bank, campaign: Campaign, tick: Tick
) -> None:
    other = Bank(Office("us", bank.office.times, bank.office.lease_key), bank.advertiser, NOW_MS)
    other.incarnation = b"2" * 16
    other.register()
    restart_postgres()
    tick(1)
    write_mark(bank)
    tick(2)
    assert bank.refusal(campaign.pk) == "census"


def test_an_incarnation_that_the_database_has_lost_is_put_back_and_waited_for(
    bank: Bank, campaign: Campaign, tick: Tick, journal: Journal
) -> None:
    lost = b"3" * 16
    journal.registered(Life(lost, "eu", "pod", "machine/disk/1", NOW_MS))
    restart_postgres()
    tick(1)
    write_mark(bank)
    tick(2)
    assert bank.refusal(campaign.pk) == "census"
    assert Incarnation.objects.get(id=lost.hex()).epoch == 0


def test_a_closed_life_that_the_database_has_lost_is_put_back_too(
    bank: Bank, campaign: Campaign, tick: Tick, journal: Journal
) -> None:
    lost = Bank(bank.office, bank.advertiser, NOW_MS, incarnation=b"3" * 16)
    journal.registered(Life(lost.incarnation, "eu", "pod", "machine/disk/1", NOW_MS, NOW_MS))
    restart_postgres()
    tick(1)
    write_mark(bank)
    lost.settle(FenceEntry(0, "recovered"))
    tick(2)
    assert bank.lease(campaign.pk).amount_micros == 200


def test_a_lease_that_a_restore_has_lost_is_adopted_and_its_budget_is_not_granted_again(
    bank: Bank, campaign: Campaign, tick: Tick, the_day: Callable[[], object], journal: Journal
) -> None:
    tick(1)
    lease = bank.lease(campaign.pk, want=600)
    accepted = change("accepted", lease)
    accepted.changes[0] = replace(accepted.changes[0], no=lease.no, lease_signed=lease)
    LeaseRow.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE escrow_campaign_day SET leased_micros = 0, available_micros = budget_micros - allocated_micros"
        )
        cursor.execute("UPDATE escrow_scope SET committed_micros = 0")
    restart_postgres()
    tick(2)
    bank.settle(accepted, debit(lease, 300))
    write_mark(bank)
    tick(3)
    day = the_day()
    assert (day.leased_micros, day.settled_micros) == (lease.amount_micros - 300, 300)  # type: ignore[attr-defined]
    assert day.budget_micros == 1_000  # type: ignore[attr-defined]
    assert find_violations() == []


def test_a_region_without_its_journal_waits_for_a_person(
    bank: Bank, campaign: Campaign, tick: Tick
) -> None:
    restart_postgres()
    fresh = new_journal()
    assert not census.step(STORE, fresh, "eu", lambda: None, NOW_MS)
    write_mark(bank)
    assert not census.step(STORE, fresh, "eu", lambda: None, NOW_MS)
    assert Alarm.objects.filter(kind="census_journal", subject="eu", cleared_at=None).exists()
    confirm_census(STORE, actor=SYSTEM, region="eu", reason="the disk was replaced")
    assert census.step(STORE, fresh, "eu", lambda: None, NOW_MS)
    assert not Alarm.objects.filter(cleared_at=None).exists()
    assert SignOff.objects.get().reason == "the disk was replaced"


def test_a_journal_is_whole_again_once_the_database_is_known_to_be_right(
    bank: Bank, campaign: Campaign, tick: Tick
) -> None:
    restart_postgres()
    fresh = new_journal()
    census.step(STORE, fresh, "eu", lambda: None, NOW_MS)
    confirm_census(STORE, actor=SYSTEM, region="eu", reason="the disk was replaced")
    write_mark(bank)
    for _ in range(2):
        census.step(STORE, fresh, "eu", lambda: None, NOW_MS)
    assert fresh.is_whole
    assert fresh.lives().keys() == {bank.incarnation}
    assert fresh.versions()[campaign.pk] == campaign.budget_version


def test_a_campaign_whose_newer_budget_was_lost_is_frozen_until_a_person_confirms_it(
    bank: Bank, campaign: Campaign, tick: Tick, journal: Journal
) -> None:
    tick(1)
    Campaign.objects.update(budget_version=F("budget_version") + 4)
    tick(2)
    Campaign.objects.update(budget_version=F("budget_version") - 4)
    restart_postgres()
    tick(3)
    write_mark(bank)
    tick(4)
    assert bank.refusal(campaign.pk) == "not_running"
    version = Freeze.objects.get(confirmed_at=None).version
    confirmed = confirm_budget(actor=SYSTEM, campaign_id=campaign.pk, reason="looked at it")
    assert confirmed.budget_version == version + 1
    tick(5)
    assert bank.lease(campaign.pk).budget_version == version + 1


def test_a_banker_that_was_forgotten_opens_the_census_again(
    bank: Bank, campaign: Campaign, tick: Tick, journal: Journal
) -> None:
    lost = Bank(bank.office, bank.advertiser, NOW_MS, incarnation=b"4" * 16)
    lost.seq = 5
    lost.register()
    assert bank.refusal(campaign.pk) == "census"


def test_a_new_banker_is_not_waited_for(bank: Bank, campaign: Campaign, tick: Tick) -> None:
    Bank(bank.office, bank.advertiser, NOW_MS, incarnation=b"5" * 16).register()
    assert bank.lease(campaign.pk).amount_micros == 200


def test_a_deleted_outbox_is_put_to_quarantine(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(change("accepted", lease), debit(lease, 50))
    following = Bank(bank.office, bank.advertiser, NOW_MS + 1, incarnation=b"6" * 16)
    following.register(found=[following.incarnation])
    row = Incarnation.objects.get(id=bank.incarnation.hex())
    assert row.state == "quarantined"
    assert row.quarantine_mark is not None
    assert LeaseRow.objects.get().state == "quarantined"


@pytest.mark.parametrize(
    "fields", [{"machine": "another/disk/1"}, {"machine": "machine/other/1"}, {"pod": "pod2"}]
)
def test_an_outbox_that_is_not_on_this_disk_is_not_given_up(
    bank: Bank, campaign: Campaign, fields: dict[str, str]
) -> None:
    following = Bank(bank.office, bank.advertiser, NOW_MS + 1, incarnation=b"6" * 16)
    following.register(found=[following.incarnation], **fields)
    assert Incarnation.objects.get(id=bank.incarnation.hex()).state == "open"


def test_old_mail_of_an_earlier_banker_does_not_give_up_a_later_one(
    bank: Bank, campaign: Campaign
) -> None:
    later = Bank(bank.office, bank.advertiser, NOW_MS + 1, incarnation=b"6" * 16).register()
    bank.register(found=[bank.incarnation])
    assert Incarnation.objects.get(id=later.incarnation.hex()).state == "open"


def test_the_commands_say_who_may_not(bank: Bank) -> None:
    get_user_model().objects.create_user(email="nobody@example.com", password="x" * 20)
    for email in ("nobody@example.com", "unknown@example.com"):
        with pytest.raises(CommandError):
            call_command("confirm_census", "eu", by=email, reason="because")
        with pytest.raises(CommandError):
            call_command("confirm_budget", "1", by=email, reason="because")


def test_a_census_waits_for_a_region_that_only_a_journal_knows(
    bank: Bank, campaign: Campaign
) -> None:
    journal = new_journal()
    journal.whole()
    journal.saw({"eu", "us"})
    restart_postgres()
    assert not census.step(STORE, journal, "eu", lambda: None, NOW_MS)
    write_mark(bank)
    assert not census.step(STORE, journal, "eu", lambda: None, NOW_MS)
    assert census.step(STORE, new_journal(), "us", lambda: None, NOW_MS)
