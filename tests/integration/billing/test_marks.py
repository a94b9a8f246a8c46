"""Holds and marks on real Postgres: a hold comes back when every stream has settled the mark that was made after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from billing.escrow import marks
from billing.escrow.models import CampaignDay, CensusRow, HoldRow, LeaseRow, MarkRow
from billing.escrow.quarantine import quarantine
from campaigns.models import Campaign
from rtbplatform.kernel.stream import AuctionEntry, DebitLine, MarkEntry
from tests.integration.billing.bank import STORE, Bank, change, debit, line
from tests.integration.billing.conftest import NOW_MS

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def other(bank: Bank) -> Bank:
    """A second banker of the region."""
    return Bank(bank.office, bank.advertiser, NOW_MS, incarnation=b"2" * 16).register("pod2")


def held(bank: Bank, campaign: Campaign, *, hold_ms: int = 1) -> AuctionEntry:
    """A debit of 100 micros over two leases that waits for its notice, settled."""
    first, second = bank.lease(campaign.pk), bank.lease(campaign.pk)
    entry = debit(first, 60, hold_ms=hold_ms)
    lines: list[DebitLine] = [*entry.lines, line(second, 40)]
    entry = replace(entry, lines=lines)
    bank.settle(change("accepted", first), change("accepted", second), entry)
    return entry


def make_due() -> None:
    HoldRow.objects.update(due_at="2020-01-01T00:00Z")


def write_mark(bank: Bank) -> None:
    mark = marks.owed(STORE, "eu")[bank.incarnation]
    bank.settle(MarkEntry(0, mark.no, mark.epoch))


def test_a_hold_that_is_not_due_gets_no_mark(bank: Bank, campaign: Campaign) -> None:
    held(bank, campaign, hold_ms=600_000)
    before = MarkRow.objects.count()
    assert marks.make(STORE) == 0
    assert MarkRow.objects.count() == before


def test_a_hold_is_released_when_every_stream_has_settled_its_mark(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Callable[[], CampaignDay]
) -> None:
    held(bank, campaign)
    make_due()
    assert marks.make(STORE) == 1
    write_mark(bank)
    assert marks.release(STORE) == 0
    assert the_day().held_micros == 100
    write_mark(other)
    assert marks.release(STORE) == 1
    assert (the_day().held_micros, the_day().allocated_micros) == (0, 100)
    assert sorted(LeaseRow.objects.values_list("released_micros", flat=True)) == [40, 60]
    assert HoldRow.objects.get().state == "released"
    assert marks.release(STORE) == 0


def test_a_mark_that_is_settled_is_not_owed(bank: Bank, campaign: Campaign) -> None:
    held(bank, campaign)
    make_due()
    marks.make(STORE)
    assert marks.owed(STORE, "eu").keys() == {bank.incarnation}
    assert marks.owed(STORE, "us") == {}
    write_mark(bank)
    assert marks.owed(STORE, "eu") == {}


def test_a_due_hold_is_marked_once(bank: Bank, campaign: Campaign) -> None:
    held(bank, campaign)
    make_due()
    assert (marks.make(STORE), marks.make(STORE)) == (1, 0)


def test_nothing_is_marked_or_released_during_a_census(bank: Bank, campaign: Campaign) -> None:
    held(bank, campaign)
    make_due()
    CensusRow.objects.update(server="another start")
    assert marks.make(STORE) == 0
    CensusRow.objects.update(server=STORE.server())
    marks.make(STORE)
    write_mark(bank)
    CensusRow.objects.update(server="another start")
    assert marks.release(STORE) == 0


def test_a_banker_registered_after_a_mark_is_not_waited_for(bank: Bank, campaign: Campaign) -> None:
    held(bank, campaign)
    make_due()
    marks.make(STORE)
    write_mark(bank)
    Bank(bank.office, bank.advertiser, NOW_MS, incarnation=b"3" * 16).register("pod3")
    assert marks.release(STORE) == 1


def test_a_hold_whose_notice_may_have_died_with_a_disk_is_quarantined(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Callable[[], CampaignDay]
) -> None:
    held(bank, campaign)
    quarantine(STORE, other.incarnation, reason="its disk is gone")
    make_due()
    marks.make(STORE)
    write_mark(bank)
    assert marks.release(STORE) == 1
    assert (the_day().held_micros, the_day().quarantined_micros) == (0, 100)
    assert HoldRow.objects.get().blocked_by.bytes == other.incarnation


def test_a_hold_made_after_a_quarantine_was_known_is_not_blocked_by_it(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Callable[[], CampaignDay]
) -> None:
    quarantine(STORE, other.incarnation, reason="its disk is gone")
    write_mark(bank)
    held(bank, campaign)
    make_due()
    marks.make(STORE)
    write_mark(bank)
    assert marks.release(STORE) == 1
    assert the_day().allocated_micros == 100
