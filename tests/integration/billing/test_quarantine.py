"""Lost outboxes on real Postgres: in quarantine, found again, written off - and who may decide it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from bidder.banker.group import Batch
from bidder.banker.shelf import Shelf
from billing.escrow.alarms import raise_alarm
from billing.escrow.models import (
    Alarm,
    BudgetScope,
    CampaignDay,
    HoldRow,
    Incarnation,
    LeaseRow,
    SignOff,
)
from billing.escrow.quarantine import QuarantineError, quarantine, reopen
from billing.escrow.write_off import write_off
from billing.ledger.models import Transaction
from billing.ledger.selectors import balance_micros, loss_micros
from billing.settlement.persons import quarantine_by_hand
from campaigns.models import Campaign, Exchange, User
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.stream import Chunk, FenceEntry, LossEntry, Outcome, OutcomeEntry
from tests.integration.billing.bank import EXCHANGE, STORE, Bank, change, debit, notice

pytestmark = pytest.mark.usefixtures("sound")
Day = Callable[[], CampaignDay]
HOLD_MS = 60_000


@pytest.fixture
def other(bank: Bank) -> Bank:
    """A second machine, whose stream brings notices about the first one's auctions."""
    return Bank(bank.office, bank.advertiser, bank.now_ms).register(pod="other")


def terms(day: CampaignDay) -> dict[str, int]:
    """What is not 0 of a day, without what is free."""
    names = ("leased", "held", "settled", "quarantined", "written_off", "late")
    return {name: value for name in names if (value := getattr(day, f"{name}_micros"))}


def test_a_hold_is_not_charged_before_its_bill(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    held = debit(lease, 30, hold_ms=HOLD_MS)
    bank.settle(held)
    assert terms(the_day()) == {"leased": 170, "held": 30}
    assert balance_micros(campaign.advertiser_id) == 1_000_000
    bank.settle(notice(held, bill=20))
    assert terms(the_day()) == {"leased": 170, "settled": 20}
    assert balance_micros(campaign.advertiser_id) == 1_000_000 - 20


def test_a_notice_in_another_stream_settles_the_hold_whenever_it_comes(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    early, late = (debit(lease, 30, hold_ms=HOLD_MS) for _ in range(2))
    other.settle(notice(early))
    other.settle(notice(early))
    bank.settle(early, late)
    other.settle(notice(late, "loss"))
    assert terms(the_day()) == {"leased": 140, "settled": 30}
    assert the_day().allocated_micros == 30


def test_a_bill_after_the_release_is_the_platforms_loss(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    held = debit(bank.lease(campaign.pk), 30, hold_ms=HOLD_MS)
    bank.settle(held, notice(held, "loss"))
    bank.settle(notice(held))
    assert terms(the_day()) == {"leased": 170, "late": 30}
    assert loss_micros("USD") == 30
    assert balance_micros(campaign.advertiser_id) == 1_000_000


def test_a_void_of_an_earlier_hold_is_back_on_its_lease(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    held = debit(bank.lease(campaign.pk), 30, hold_ms=HOLD_MS)
    bank.settle(held)
    bank.settle(OutcomeEntry([], [Outcome(1, EXCHANGE, held.lines)], []))
    assert terms(the_day()) == {"leased": 200}
    assert HoldRow.objects.get().state == "void"


def test_a_lease_that_a_restore_has_lost_is_adopted(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    before = BudgetScope.objects.get(kind="balance").committed_micros
    forget(lease.id, 200)
    bank.settle(change("accepted", lease, signed=lease), debit(lease, 30))
    assert terms(the_day()) == {"leased": 170, "settled": 30}
    assert BudgetScope.objects.get(kind="balance").committed_micros == before
    assert LeaseRow.objects.get().is_accepted


def forget(lease: bytes, amount: int) -> None:
    """As a restore does: neither the lease nor its money was ever given."""
    from django.db.models import F

    LeaseRow.objects.filter(id=uuid_text(lease)).delete()
    CampaignDay.objects.update(
        leased_micros=F("leased_micros") - amount, available_micros=F("available_micros") + amount
    )
    BudgetScope.objects.update(committed_micros=F("committed_micros") - amount)


def test_what_a_lost_outbox_had_is_in_quarantine(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    assert quarantine(STORE, bank.incarnation, reason="its disk is gone")
    assert terms(the_day()) == {"settled": 30, "quarantined": 170}
    assert Incarnation.objects.get().state == "quarantined"


def test_a_quarantine_happens_once(bank: Bank, campaign: Campaign) -> None:
    bank.lease(campaign.pk)
    assert quarantine(STORE, bank.incarnation, reason="its disk is gone")
    assert not quarantine(STORE, bank.incarnation, reason="again")


def test_bills_of_lost_auctions_are_paid_from_quarantine_before_and_after(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    before, after = (debit(lease, 30, hold_ms=HOLD_MS) for _ in range(2))
    other.settle(notice(before))
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    assert terms(the_day()) == {"settled": 30, "quarantined": 170}
    other.settle(notice(after), notice(before))
    assert terms(the_day()) == {"settled": 60, "quarantined": 140}


def test_an_outbox_that_is_found_is_settled_as_if_nothing_had_been(
    bank: Bank, other: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    held, plain = debit(lease, 30, hold_ms=HOLD_MS), debit(lease, 50)
    other.settle(notice(held, bill=10))
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    reopen(STORE, bank.incarnation)
    bank.settle(change("accepted", lease), held, plain, FenceEntry(0, "found"))
    assert terms(the_day()) == {"settled": 60}
    assert the_day().allocated_micros == 140
    assert Incarnation.objects.get(pod="pod").state == "closed"


def test_a_write_off_charges_what_was_delivered_and_frees_the_rest(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    committed = BudgetScope.objects.get(kind="balance").committed_micros
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    place = (lease.advertiser, lease.campaign, lease.day, EXCHANGE)
    (planned,) = write_off(STORE, bank.incarnation, {place: 80}, dry_run=True)
    assert terms(the_day()) == {"quarantined": 200}
    (done,) = write_off(STORE, bank.incarnation, {place: 80})
    assert planned == done
    assert terms(the_day()) == {"settled": 80, "written_off": 120}
    assert BudgetScope.objects.get(kind="balance").committed_micros == committed - 120


def test_what_was_delivered_beyond_the_quarantine_is_the_platforms_loss(
    bank: Bank, campaign: Campaign, the_day: Day
) -> None:
    lease = bank.lease(campaign.pk)
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    place = (lease.advertiser, lease.campaign, lease.day, EXCHANGE)
    write_off(STORE, bank.incarnation, {place: 230})
    assert terms(the_day()) == {"settled": 200, "late": 30}
    assert loss_micros("USD") == 30


def test_what_is_written_off_stays_so(bank: Bank, campaign: Campaign) -> None:
    bank.lease(campaign.pk)
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    write_off(STORE, bank.incarnation, {})
    with pytest.raises(QuarantineError, match="written off"):
        reopen(STORE, bank.incarnation)
    with pytest.raises(QuarantineError, match="written off"):
        write_off(STORE, bank.incarnation, {})


# The commands


def person(email: str, role: str = "finance") -> str:
    user = User.objects.create_user(email, "a long passphrase", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return email


@pytest.fixture
def people(db: None) -> list[str]:
    return [person("ana@platform.example"), person("bo@platform.example", "operator")]


def told(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_a_person_quarantines_and_signs(bank: Bank, campaign: Campaign, people: list[str]) -> None:
    name = uuid_text(bank.incarnation)
    told("quarantine", name, "--by", people[0], "--reason", "the machine burnt")
    signed = SignOff.objects.get()
    assert (signed.kind, signed.subject, signed.requested_by) == ("quarantine", name, people[0])


@pytest.mark.parametrize(
    ("name", "by", "sentence"),
    [
        ("nonsense", "ana@platform.example", "written like a UUID"),
        (uuid_text(b"?" * 16), "ana@platform.example", "No incarnation"),
        (uuid_text(b"?" * 16), "nobody@platform.example", "Nobody with the address"),
        (uuid_text(b"?" * 16), "cy@platform.example", "may not decide"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    people: list[str], name: str, by: str, sentence: str
) -> None:
    person("cy@platform.example", "fraud_analyst")
    with pytest.raises(CommandError, match=sentence):
        told("quarantine", name, "--by", by, "--reason", "why")


def test_a_second_quarantine_says_what_it_is_already(
    bank: Bank, campaign: Campaign, people: list[str]
) -> None:
    quarantine_by_hand(STORE, bank.incarnation, people[0], "why")
    with pytest.raises(CommandError, match="is quarantined already"):
        told("quarantine", uuid_text(bank.incarnation), "--by", people[0], "--reason", "why")
    assert SignOff.objects.count() == 1


@pytest.fixture
def lost(bank: Bank, campaign: Campaign) -> list[str]:
    """A quarantined incarnation with 200 micros of the campaign, and the day's label."""
    lease = bank.lease(campaign.pk)
    Exchange.objects.create(pk=EXCHANGE, slug="demo", name="Demo", currencies=["USD"])
    quarantine(STORE, bank.incarnation, reason="its disk is gone")
    label = BudgetCalendar(settings.PLATFORM.budget_day_seconds).label(lease.day)
    return [uuid_text(bank.incarnation), f"{campaign.pk}/{label}/demo"]


def write_off_command(lost: list[str], people: list[str], amount: str, *more: str) -> str:
    return told(
        *("write_off", lost[0], "--statement", "S-1", "--by", people[0], "--sign-off", people[1]),
        *(*more, "--delivered", f"{lost[1]}={amount}"),
    )


def test_a_write_off_is_shown_first_and_then_signed_by_two(
    lost: list[str], people: list[str], the_day: Day
) -> None:
    shown = write_off_command(lost, people, "0.00008", "--dry-run")
    assert "0.00008 USD charged, 0.00012 USD free again" in shown
    assert not SignOff.objects.exists()
    assert terms(the_day()) == {"quarantined": 200}
    write_off_command(lost, people, "0.00008")
    signed = SignOff.objects.get()
    assert (signed.requested_by, signed.signed_by, signed.reason) == (*people, "S-1")
    assert terms(the_day()) == {"settled": 80, "written_off": 120}
    assert Transaction.objects.get(kind="spend").amount_micros == -80


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("nothing", "^'nothing' is not an amount: it is written like"),
        *(
            (text, "is not an amount")
            for text in ("0.0000001", "-1", "1e3", "\u0661", " 1", "1.", "NaN")
        ),
        ("", "is not written like"),
        ("1000000000000.000001", "at most 1000000000000 units"),
        ("9" * 5_000, "at most 1000000000000 units"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(
    lost: list[str], people: list[str], amount: str, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        write_off_command(lost, people, amount)


def test_more_than_is_in_quarantine_must_be_meant(
    lost: list[str], people: list[str], the_day: Day
) -> None:
    with pytest.raises(CommandError, match=r"more than is in quarantine.*--beyond-quarantine"):
        write_off_command(lost, people, "0.0003")
    assert terms(the_day()) == {"quarantined": 200}
    assert not SignOff.objects.exists()
    write_off_command(lost, people, "0.0003", "--beyond-quarantine")
    assert terms(the_day()) == {"settled": 200, "late": 100}


def test_every_delivered_counts_however_often_it_is_said(
    lost: list[str], people: list[str], the_day: Day
) -> None:
    Exchange.objects.create(slug="second", name="Second", currencies=["USD"])
    other = lost[1].replace("/demo", "/second")
    write_off_command(lost, people, "0.00008", "--delivered", f"{other}=0.00001")
    assert terms(the_day()) == {"settled": 90, "written_off": 110}


def test_a_second_write_off_says_that_there_was_one(lost: list[str], people: list[str]) -> None:
    write_off_command(lost, people, "0")
    with pytest.raises(CommandError, match="was written off"):
        write_off_command(lost, people, "0.00008")


def test_a_write_off_clears_the_alarms_of_its_incarnation(
    lost: list[str], people: list[str]
) -> None:
    raise_alarm("outbox_lost", lost[0], "gone")
    raise_alarm("outbox_lost", "another", "gone")
    write_off_command(lost, people, "0", "--dry-run")
    assert Alarm.objects.filter(cleared_at=None).count() == 2
    write_off_command(lost, people, "0")
    assert Alarm.objects.get(cleared_at=None).subject == "another"


def test_nobody_signs_off_their_own_write_off(lost: list[str], people: list[str]) -> None:
    with pytest.raises(CommandError, match="somebody else"):
        write_off_command(lost, [people[0], people[0].upper()], "0")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("1", "not written like"),
        ("999999/2026-01-01/demo", "Nothing of campaign 999999"),
    ],
)
def test_a_place_without_quarantined_money_is_refused(
    lost: list[str], people: list[str], place: str, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        write_off_command([lost[0], place], people, "1")


# An outbox file


def filed(bank: Bank, folder: Path, *chunks: Chunk) -> Path:
    """The bank's stream as its machine had it on disk."""
    shelf = Shelf(folder, "machine")
    shelf.prepare()
    shelved = shelf.create(bank.incarnation, "eu", "pod", 0)
    for chunk in chunks:
        shelved.outbox.commit(Batch(chunk, [], [], chunk.last_seq + 1, fences=False))
    path = shelved.outbox.path
    shelved.release()
    return path


def recover_command(path: Path, people: list[str]) -> str:
    return told("recover_outbox", str(path), "--by", people[0], "--reason", "from the old disk")


def test_a_found_outbox_is_fenced_and_settled_to_its_end(
    bank: Bank, campaign: Campaign, the_day: Day, people: list[str], tmp_path: Path
) -> None:
    lease = bank.lease(campaign.pk)
    chunks = [bank.chunk(change("accepted", lease)), bank.chunk(debit(lease, 30))]
    path = filed(bank, tmp_path, *chunks)
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    assert "settled to its end" in recover_command(path, people)
    assert terms(the_day()) == {"settled": 30}
    assert Incarnation.objects.get().state == "closed"
    assert SignOff.objects.get().kind == "recover"
    with pytest.raises(CommandError, match="not in quarantine: it is closed"):
        recover_command(path, people)


def test_an_older_copy_is_refused_and_the_newest_file_is_settled_then(
    bank: Bank, campaign: Campaign, the_day: Day, people: list[str], tmp_path: Path
) -> None:
    lease = bank.lease(campaign.pk)
    chunks = [bank.chunk(debit(lease, 10)) for _ in range(3)]
    bank.take(chunks[:2])
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    old, newest = filed(bank, tmp_path / "a", chunks[0]), filed(bank, tmp_path / "b", *chunks)
    with pytest.raises(CommandError, match="ends at entry 1; the ledger has settled 2 already"):
        recover_command(old, people)
    assert terms(the_day()) == {"settled": 20, "quarantined": 180}
    assert not SignOff.objects.exists()
    recover_command(newest, people)
    assert terms(the_day()) == {"settled": 30}


def test_a_copy_that_went_its_own_way_is_refused(
    bank: Bank, campaign: Campaign, the_day: Day, people: list[str], tmp_path: Path
) -> None:
    lease = bank.lease(campaign.pk)
    first = bank.chunk(debit(lease, 10))
    fork = bank.seq, bank.hash
    bank.take([first, bank.chunk(debit(lease, 10))])
    bank.seq, bank.hash = fork
    copy = filed(bank, tmp_path, first, bank.chunk(debit(lease, 20)))
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    before = terms(the_day())
    with pytest.raises(CommandError, match="another entry 2 than the ledger has settled"):
        recover_command(copy, people)
    assert terms(the_day()) == before


def test_a_recovery_that_fails_leaves_a_quarantine_and_its_alarm(
    bank: Bank, campaign: Campaign, the_day: Day, people: list[str], tmp_path: Path
) -> None:
    lease = bank.lease(campaign.pk)
    good, bad = bank.chunk(debit(lease, 30)), bank.chunk(debit(lease, 500))
    path = filed(bank, tmp_path, good, bad)
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    with pytest.raises(CommandError, match="cannot be settled beyond entry"):
        recover_command(path, people)
    assert Incarnation.objects.get().state == "quarantined"
    assert terms(the_day()) == {"settled": 30, "quarantined": 170}
    assert Alarm.objects.get(cleared_at=None).kind == "stream_stopped"


def test_a_recovery_clears_the_alarms_and_leaves_no_lock(
    bank: Bank, campaign: Campaign, people: list[str], tmp_path: Path
) -> None:
    path = filed(bank, tmp_path, bank.chunk(LossEntry(0, 1, "")))
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
    raise_alarm("outbox_lost", uuid_text(bank.incarnation), "gone")
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    recover_command(path, people)
    assert not Alarm.objects.filter(cleared_at=None).exists()
    assert not list(tmp_path.glob("*.lock"))


def test_a_file_whose_incarnation_is_not_in_quarantine_is_left_alone(
    bank: Bank, campaign: Campaign, people: list[str], tmp_path: Path
) -> None:
    path = filed(bank, tmp_path, bank.chunk(LossEntry(0, 1, "")))
    with pytest.raises(CommandError, match="not in quarantine: it is open"):
        recover_command(path, people)


def test_a_file_that_a_banker_has_open_is_left_alone(
    bank: Bank, campaign: Campaign, people: list[str], tmp_path: Path
) -> None:
    path = filed(bank, tmp_path, bank.chunk(LossEntry(0, 1, "")))
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    shelved = Shelf(tmp_path, "machine").open(bank.incarnation)
    assert shelved is not None
    with pytest.raises(CommandError, match="open: it is not lost"):
        recover_command(path, people)
    shelved.release()


def test_a_damaged_file_moves_no_money(
    bank: Bank, campaign: Campaign, the_day: Day, people: list[str], tmp_path: Path
) -> None:
    lease = bank.lease(campaign.pk)
    first, second = bank.chunk(debit(lease, 30)), bank.chunk(debit(lease, 30))
    broken = Chunk(
        *(getattr(second, name) for name in second.__struct_fields__[:5]),
        *(b"?" * 32, second.payload, second.keys),
    )
    path = filed(bank, tmp_path, first, broken)
    quarantine(STORE, bank.incarnation, reason="its disk was gone")
    with pytest.raises(CommandError, match="cannot be read to its end"):
        recover_command(path, people)
    assert terms(the_day()) == {"quarantined": 200}


@pytest.mark.parametrize("content", [None, b"", b"not an outbox at all" * 100])
def test_what_is_no_outbox_is_refused(
    people: list[str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "file.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=r"no file|does not say which outbox"):
        recover_command(path, people)
