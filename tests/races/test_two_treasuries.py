"""Two treasuries of one region at once, and grants against settlement: the same locked rows, no deadlock, no doubling."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

from billing.escrow.models import CampaignDay, LeaseRow
from billing.invariants import find_violations
from billing.ledger.deposits import deposit
from billing.ledger.models import Transaction
from billing.ledger.selectors import balance_micros
from billing.settlement.settle import settle_chunks
from campaigns.models import Advertiser, Campaign
from rtbplatform.kernel.stream import Chunk, FenceEntry
from rtbplatform.kernel.wire import Grant, LeaseRequest
from tests.integration.billing.bank import STORE, Bank, change, debit

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Runs calls in threads that start together; raises what one of them raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            barrier.wait(10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(60) for future in [pool.submit(run, call) for call in calls]]


def test_one_request_at_two_treasuries_gets_one_lease(bank: Bank, campaign: Campaign) -> None:
    for _ in range(20):
        request = bank.request(campaign.pk, want=10)
        first, second = at_once([lambda r=request: bank.ask(r)] * 2)
        assert first == second
    assert find_violations() == []


def test_treasuries_at_once_never_grant_more_than_the_budget(
    bank: Bank, make_campaign: Callable[..., Campaign], tick: Callable[..., object]
) -> None:
    campaigns = [make_campaign(f"c{number}") for number in range(4)]
    tick()
    batches = [
        [bank.request(one.pk) for one in order for _ in range(15)]
        for order in (campaigns, campaigns[::-1], campaigns[2:] + campaigns[:2])
    ]
    at_once([lambda batch=batch: bank.ask(*batch) for batch in batches])
    for day in CampaignDay.objects.all():
        assert day.leased_micros == 1_000
    assert find_violations() == []


def test_a_chunk_at_two_treasuries_is_settled_once(bank: Bank, campaign: Campaign) -> None:
    lease = bank.lease(campaign.pk)
    for _ in range(20):
        chunk = bank.chunk(debit(lease, 3))
        results = at_once([lambda c=chunk: settle_chunks(STORE, [c], bank.office.lease_key)] * 2)
        assert sorted(result.entries for result in results) == [0, 1]
    assert CampaignDay.objects.get().settled_micros == 60
    assert find_violations() == []


def test_grants_settlement_and_ticks_at_once_keep_every_invariant(
    bank: Bank, make_campaign: Callable[..., Campaign], tick: Callable[..., object]
) -> None:
    campaigns = [make_campaign(f"c{number}", daily_budget_micros=100_000) for number in range(5)]
    tick()
    banks = [bank, Bank(bank.office, bank.advertiser, bank.now_ms, b"2" * 16).register()]

    def live(one: Bank) -> None:
        for round_no in range(15):
            order = campaigns if round_no % 2 else campaigns[::-1]
            answers = one.ask(*(one.request(campaign.pk) for campaign in order))
            leases = [answer.lease for _, answer in answers if isinstance(answer, Grant)]
            chunks: list[Chunk] = [one.chunk(debit(lease, 20)) for lease in leases]
            seals = one.chunk(*(change("sealed", lease, 20) for lease in leases))
            settle_chunks(STORE, [*chunks, seals], one.office.lease_key)

    def coordinate() -> None:
        for number in range(30):
            tick(number)

    at_once([lambda: live(banks[0]), lambda: live(banks[1]), coordinate, coordinate])
    assert LeaseRow.objects.filter(state="sealed").count() == 150
    assert find_violations() == []


def test_a_deposit_posted_twice_at_once_is_posted_once(advertiser: Advertiser) -> None:
    at_once([lambda: deposit(advertiser.pk, 500, "USD", "second")] * 4)
    assert Transaction.objects.filter(kind="deposit").count() == 2
    assert balance_micros(advertiser.pk) == 1_000_500


def test_a_fence_and_a_grant_at_once_leave_no_open_lease(bank: Bank, campaign: Campaign) -> None:
    for number in range(10):
        one = Bank(bank.office, bank.advertiser, bank.now_ms, bytes([number]) * 16).register()
        request: LeaseRequest = one.request(campaign.pk)
        fence = one.chunk(FenceEntry(0, "recovered"))
        at_once(
            [
                lambda o=one, r=request: o.ask(r),
                lambda f=fence: settle_chunks(STORE, [f], bank.office.lease_key),
            ]
        )
    assert not LeaseRow.objects.filter(state="open").exists()
    assert find_violations() == []
