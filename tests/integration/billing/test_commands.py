"""What billing's commands print for people."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from billing.escrow.models import CampaignDay
from billing.report_table import TERMS
from campaigns.models import Campaign
from rtbplatform.kernel.events import (
    AuctionEvent,
    BidRecord,
    DspCall,
    ImpRecord,
    NoticeEvent,
    encode_event,
)
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.money import parse_micros
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import AuctionEntry, NoticeEntry, OutcomeEntry
from tests.integration.billing.bank import EXCHANGE, Bank, debit, line

AT_MS = 1_773_144_000_250


def printed(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def refused(*command: str) -> tuple[str, object]:
    """What is said on stderr, and the exit code."""
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*command, stdout=StringIO(), stderr=said)
    return said.getvalue(), ended.value.code


def auction(lease: Lease) -> AuctionEntry:
    """Won by our campaign; alder bid less, birch did not answer in time."""
    bids = [
        BidRecord("b1", 1_250_000, "USD", dsp="alder", loss=102),
        BidRecord("b2", 2_000_000, "USD", campaign=lease.campaign),
    ]
    imp = ImpRecord("top", bids=bids, winner=1, cost_micros=30, cost_currency="USD")
    calls = [
        DspCall("alder", "bid", latency_ms=12.34, status=200),
        DspCall("birch", "timeout", "no answer", latency_ms=80.0),
    ]
    who = {"exchange": "demo", "region": "eu", "pod": "pod", "worker": 0}
    event = AuctionEvent(
        uuid7(0), AT_MS, "r", **who, outcome="won", http_status=200, imps=[imp], dsp_calls=calls
    )
    return AuctionEntry(
        hash64("r"), EXCHANGE, AT_MS, uuid7(0), [line(lease, 30)], encode_event(event)
    )


@pytest.fixture
def told(bank: Bank, campaign: Campaign) -> str:
    bank.settle(auction(bank.lease(campaign.pk)))
    return printed("audit_find", "r")


def test_the_reports_terms_add_up_to_the_budget(bank: Bank, campaign: Campaign) -> None:
    bank.settle(debit(bank.lease(campaign.pk), 30))
    _, header, row = printed("budget_report").splitlines()
    cells = dict(zip(header.split(), row.split(), strict=True))
    assert cells["settled"] == cells["delivered"] == "0.00003"
    assert cells["leased"] == "0.00017"
    assert sum(parse_micros(cells[term]) for term in TERMS) == parse_micros(cells["budget"])


def test_the_report_says_what_the_advertiser_is_charged(bank: Bank, campaign: Campaign) -> None:
    bank.settle(debit(bank.lease(campaign.pk), 30))
    CampaignDay.objects.filter(campaign_id=campaign.pk).update(forgiven_micros=10)
    _, header, row = printed("budget_report").splitlines()
    cells = dict(zip(header.split(), row.split(), strict=True))
    assert (cells["charged"], cells["platform_loss"]) == ("0.00002", "0.00001")


def test_the_report_says_its_unit_and_its_sum(campaign: Campaign) -> None:
    first = printed("budget_report").splitlines()[0]
    assert "units of the currency" in first
    assert f"budget = {' + '.join(TERMS)}" in first


def test_a_campaign_without_days_is_told(campaign: Campaign) -> None:
    assert refused("budget_report", "--campaign", "999") == (
        "No budget day of campaign 999 was opened yet.\n",
        1,
    )


def test_a_day_that_is_none_is_told(campaign: Campaign) -> None:
    said, code = refused("budget_report", "--day", "zzz")
    assert said.startswith("No budget day 'zzz' is known")
    assert code == 1


def test_a_request_is_told_with_its_time_and_outcome(told: str) -> None:
    assert told.startswith("Auction at 2026-03-10T12:00:00.250Z\n")
    assert "  outcome   won, status 200\n" in told


def test_every_bid_is_told_with_its_price_and_loss(told: str, campaign: Campaign) -> None:
    assert "dsp alder, 1.25 USD CPM, lost: outbid (102)\n" in told
    assert f"own, campaign {campaign.pk}, 2 USD CPM, won\n" in told


def test_dsp_calls_are_told_with_cause_and_latency(told: str) -> None:
    assert "alder, bid, 12.3 ms\n" in told
    assert "birch, timeout: no answer, 80.0 ms\n" in told


def test_debits_are_told_in_units_of_the_currency(told: str, campaign: Campaign) -> None:
    assert f"0.00003 USD, campaign {campaign.pk}, advertiser" in told
    assert "day 2026-03-10, lease" in told


def test_an_answer_not_told_yet_is_explained(told: str) -> None:
    assert "unreported: the worker has not told yet" in told


def test_an_answer_that_was_sent_is_told(bank: Bank, campaign: Campaign) -> None:
    bank.settle(auction(bank.lease(campaign.pk)))
    bank.settle(OutcomeEntry([1], [], []))
    assert "  answer    sent" in printed("audit_find", "r")


def test_the_proof_is_told(told: str, bank: Bank) -> None:
    assert "the hash verifies: entry 1 of stream" in told


def test_a_notice_is_told(bank: Bank, campaign: Campaign) -> None:
    event = NoticeEvent(
        *(uuid7(0), AT_MS, "loss", "r", "demo", b"D" * 16, 0, campaign.pk, 3, 1), loss=102
    )
    bank.settle(NoticeEntry(hash64("r"), EXCHANGE, AT_MS, b"D" * 16, encode_event(event)))
    said = printed("audit_find", "r")
    assert said.startswith("Notice at 2026-03-10T12:00:00.250Z\n  kind      loss\n")
    assert "outbid (102)" in said
