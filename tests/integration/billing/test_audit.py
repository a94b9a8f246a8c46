"""The audit trail on real Postgres: a request's whole story, proofs, personal parts, shredding."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from billing.audit.chain import verify_all, verify_new
from billing.audit.find import find_request
from billing.audit.models import AuditChunk, SubjectKeyRow
from billing.audit.subjects import shred_subject
from campaigns.models import Campaign
from rtbplatform.kernel.events import AuctionEvent, NoticeEvent, encode_event
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.stream import (
    AuctionEntry,
    LossEntry,
    NoticeEntry,
    Outcome,
    OutcomeEntry,
    SubjectKey,
)
from rtbplatform.kernel.subject import SUBJECT_PURPOSE, SubjectSealer, subject_hash
from tests.integration.billing.bank import EXCHANGE, Bank, debit, line, notice

PERSON = "device-1"


def personal_entry(request_id: str) -> tuple[AuctionEntry, SubjectKey]:
    secret = settings.PLATFORM.rtb_secret
    person = subject_hash(derive(secret, SUBJECT_PURPOSE), PERSON)
    part, key = SubjectSealer(secret).seal(person, b'{"ip":"192.0.2.1"}', 0)
    assert key is not None
    event = AuctionEvent(
        event_id=uuid7(0),
        at_ms=0,
        request_id=request_id,
        exchange="demo",
        region="eu",
        pod="pod",
        worker=0,
        outcome="no_bid",
        http_status=204,
        subject=part,
        request=b'{"id":"r"}',
    )
    return AuctionEntry(hash64(request_id), EXCHANGE, 0, b"", [], encode_event(event)), key


def break_chunk(first_seq: int) -> None:
    """What only someone with the database's own rights can do."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_chunk DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE audit_chunk SET payload = payload || '\\x00' WHERE first_seq = %s", [first_seq]
        )
        cursor.execute("ALTER TABLE audit_chunk ENABLE TRIGGER USER")


def test_a_request_is_found_with_its_bids_debits_and_proof(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30, request_id="wanted"), debit(lease, 5, request_id="other"))
    (found,) = find_request("wanted")
    assert [one.amount_micros for one in found.lines] == [30]
    assert found.event["imps"][0]["bids"][0]["bid_id"] == "b1"
    assert (found.proof.seq, found.proof.hash_verifies) == (1, True)


def test_an_unknown_request_finds_nothing(bank: Bank, campaign: Campaign) -> None:
    assert find_request("nobody") == []


@pytest.mark.parametrize("outcome", ["sent", "void", "unknown", "unreported"])
def test_a_debits_outcome_is_told(bank: Bank, campaign: Campaign, outcome: str) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    told = [Outcome(1, EXCHANGE, [line(lease, 30)])]
    bank.settle(
        OutcomeEntry(
            [1] if outcome == "sent" else [],
            told if outcome == "void" else [],
            told if outcome == "unknown" else [],
        )
    )
    assert find_request("r")[0].outcome == outcome


def test_a_notice_is_part_of_its_requests_story(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    bank.settle(debit(lease, 30))
    event = NoticeEvent(uuid7(0), 5, "win", "r", "demo", b"D" * 16, 0, campaign.pk, 3, 1)
    bank.settle(NoticeEntry(hash64("r"), EXCHANGE, 5, b"D" * 16, encode_event(event)))
    assert [found.type for found in find_request("r")] == ["auction", "notice"]


def test_a_personal_part_is_opened_only_when_asked_for(bank: Bank, campaign: Campaign) -> None:
    entry, key = personal_entry("r")
    bank.settle(entry, keys=[key])
    secret = settings.PLATFORM.rtb_secret
    assert find_request("r")[0].personal is None
    assert find_request("r", secret=secret, personal=True)[0].personal == '{"ip":"192.0.2.1"}'


def test_a_shredded_person_cannot_be_opened_and_the_chain_still_verifies(
    bank: Bank, campaign: Campaign
) -> None:
    entry, key = personal_entry("r")
    bank.settle(entry, keys=[key])
    assert shred_subject(settings.PLATFORM.rtb_secret, [PERSON]) == 1
    assert not SubjectKeyRow.objects.exists()
    (found,) = find_request("r", secret=settings.PLATFORM.rtb_secret, personal=True)
    assert found.personal is None
    assert found.proof.hash_verifies


def test_chunks_are_never_changed(bank: Bank, campaign: Campaign) -> None:
    bank.settle(LossEntry(0, 1, ""))
    for change in (AuditChunk.objects.all().delete, lambda: AuditChunk.objects.update(last_seq=9)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_chain_verifies_from_its_beginning(bank: Bank, campaign: Campaign) -> None:
    for _ in range(3):
        bank.settle(LossEntry(0, 1, ""))
    (report,) = verify_all()
    assert (report.chunks, report.last_seq, report.problem) == (3, 3, "")


def test_a_changed_chunk_is_found(bank: Bank, campaign: Campaign) -> None:
    for _ in range(3):
        bank.settle(LossEntry(0, 1, ""))
    break_chunk(2)
    (report,) = verify_all()
    assert "chunk 2 was changed" in report.problem


def test_a_request_in_a_changed_chunk_does_not_verify(bank: Bank, campaign: Campaign) -> None:
    bank.settle(debit(bank.lease(campaign.pk), 1))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_chunk DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_chunk SET committed_ms = committed_ms + 1")
        cursor.execute("ALTER TABLE audit_chunk ENABLE TRIGGER USER")
    assert not find_request("r")[0].proof.hash_verifies


def test_new_chunks_are_verified_once(bank: Bank, campaign: Campaign) -> None:
    bank.settle(LossEntry(0, 1, ""))
    assert verify_new() == []
    break_chunk(1)
    assert verify_new() == []  # it was right when it was looked at
    bank.settle(LossEntry(0, 1, ""))
    break_chunk(2)
    (problem,) = verify_new()
    assert "chunk 2" in problem.problem


def test_the_commands_say_the_same_as_the_services(bank: Bank, campaign: Campaign) -> None:
    bank.settle(debit(bank.lease(campaign.pk), 30))
    out = StringIO()
    call_command("audit_find", "r", "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["lines"][0]["amount_micros"] == 30
    out = StringIO()
    call_command("budget_report", "--json", "--campaign", str(campaign.pk), stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["day"], row["delivered"], row["leased"]) == ("2026-03-10", 30, 170)
    call_command("verify_audit", stdout=StringIO())
    call_command("check_invariants", stdout=StringIO())


def test_the_commands_fail_where_something_is_wrong(bank: Bank, campaign: Campaign) -> None:
    bank.settle(LossEntry(0, 1, ""))
    break_chunk(1)
    with pytest.raises(SystemExit):
        call_command("verify_audit", stdout=StringIO())
    with pytest.raises(SystemExit):
        call_command("audit_find", "nobody", stdout=StringIO(), stderr=StringIO())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE escrow_incarnation SET settled_seq = 7")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_invariants", stdout=out)
    assert "E8" in out.getvalue()


def test_a_held_debit_tells_what_became_of_it(bank: Bank, campaign: Campaign) -> None:
    held = debit(bank.lease(campaign.pk), 30, request_id="held", hold_ms=60_000)
    bank.settle(held, notice(held, bill=20, request_id="held"))
    out = StringIO()
    call_command("audit_find", "held", stdout=out)
    told = [line for line in out.getvalue().splitlines() if line.strip().startswith("hold")]
    assert len(told) == 2
    assert "imp 0: 0.00003 held, billed, 0.00002 charged" in told[0]
