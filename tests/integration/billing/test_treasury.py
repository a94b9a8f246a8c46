"""The treasury's threads over real Redis and Postgres, seen from a banker's mailbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import Redis

from billing.escrow.models import CampaignDay, Incarnation, TreasuryBeat
from billing.invariants import find_violations
from billing.treasury.process import Treasury
from campaigns.models import Campaign
from rtbplatform.kernel import wire
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.keys import derive
from rtbplatform.kernel.settings import Platform
from rtbplatform.outbox.publish import publish
from tests.integration.billing.bank import Bank, change, debit

WAIT_S = 10


@pytest.fixture
def db(transactional_db: None) -> None:
    """The treasury's threads see only what is committed."""


@pytest.fixture
def running(gate: None, make_campaign: Callable[..., Campaign]) -> Campaign:
    return make_campaign(starts_at=timezone.now() - timedelta(days=2))


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """With a journal of its own, ten times faster."""
    return msgspec.structs.replace(
        settings.PLATFORM, protocol_time_divisor=10, treasury_journal=str(tmp_path / "journal")
    )


@pytest.fixture
def treasury(running: Campaign, redis: Redis, platform: Platform) -> Iterator[Treasury]:
    """Started, and stopped as by SIGTERM."""
    one = Treasury(platform)
    thread = threading.Thread(target=one.run)
    thread.start()
    yield one
    one.stopping.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert not one.stopping.failed
    assert find_violations() == []


class Post:
    """A banker's mailbox, read and written by the test."""

    def __init__(self, redis: Redis, bank: Bank) -> None:
        self.redis, self.bank = redis, bank
        self.key = derive(settings.PLATFORM.rtb_secret, wire.MAIL_PURPOSE)

    def send(self, message: wire.ToTreasury) -> None:
        box = wire.treasury_mailbox(settings.PLATFORM.region)
        self.redis.rpush(box, wire.pack_mail(self.key, message))

    def next(self, kind: type) -> wire.ToBanker:
        """The next message of a kind; others are passed over."""
        box = wire.banker_mailbox(uuid_text(self.bank.incarnation))
        while True:
            mail = self.redis.blpop([box], timeout=WAIT_S)
            assert mail is not None, f"no {kind.__name__} came"
            message = wire.open_banker_mail(self.key, mail[1])
            if isinstance(message, kind):
                return message

    def register(self) -> None:
        self.send(wire.Register(self.bank.incarnation, "local", "pod", "machine", 0))
        assert self.next(wire.Cursor) == wire.Cursor(self.bank.incarnation, 0)

    def lease(self, campaign: int) -> wire.Grant:
        """Asks until the day is open."""
        while True:
            self.send(self.bank.request(campaign))
            answer = self.next(wire.Grant | wire.Refuse)  # type: ignore[arg-type]
            if isinstance(answer, wire.Grant):
                return answer


@pytest.fixture
def post(treasury: Treasury, bank_here: Bank, redis: Redis) -> Post:
    made = Post(redis, bank_here)
    made.register()
    return made


@pytest.fixture
def bank_here(office: object, running: Campaign) -> Bank:
    return Bank(office, running.advertiser_id, 0)  # type: ignore[arg-type]


def test_a_banker_registers_gets_leases_and_has_its_stream_settled(
    post: Post, bank_here: Bank, running: Campaign
) -> None:
    lease = post.lease(running.pk).lease
    assert lease.verify(derive(settings.PLATFORM.rtb_secret, wire.LEASE_PURPOSE))
    post.send(wire.Ship(bank_here.chunk(change("accepted", lease), debit(lease, 30))))
    assert post.next(wire.Cursor) == wire.Cursor(bank_here.incarnation, 2)
    assert CampaignDay.objects.get(day=lease.day).settled_micros == 30


def test_a_gap_is_answered_with_the_cursor_and_closes(
    post: Post, bank_here: Bank, running: Campaign
) -> None:
    lease = post.lease(running.pk).lease
    first, second = bank_here.chunk(debit(lease, 1)), bank_here.chunk(debit(lease, 2))
    post.send(wire.Ship(second))
    assert post.next(wire.Cursor) == wire.Cursor(bank_here.incarnation, 0)
    post.send(wire.Ship(first))
    assert post.next(wire.Cursor) == wire.Cursor(bank_here.incarnation, 2)


def test_a_contradiction_is_answered_with_the_stopped_state(
    post: Post, bank_here: Bank, running: Campaign
) -> None:
    lease = post.lease(running.pk).lease
    post.send(wire.Ship(bank_here.chunk(debit(lease, lease.amount_micros + 1))))
    assert post.next(wire.Cursor) == wire.Cursor(bank_here.incarnation, 0, "stopped")


def test_a_lease_past_its_term_is_asked_for(post: Post, running: Campaign) -> None:
    lease = post.lease(running.pk).lease
    asked = post.next(wire.Inquire)
    assert isinstance(asked, wire.Inquire)
    assert asked.leases == [lease]


def test_a_pause_recalls_leases(post: Post, running: Campaign) -> None:
    lease = post.lease(running.pk).lease
    with transaction.atomic():
        Campaign.objects.update(status="paused")
        publish("campaign.status_changed", running.advertiser_id, ("campaign", running.pk), {})
    recalled = post.next(wire.Recall)
    assert isinstance(recalled, wire.Recall)
    assert recalled.leases == [lease.id]


def test_forged_mail_is_dropped_and_counted(
    post: Post, treasury: Treasury, running: Campaign, redis: Redis
) -> None:
    redis.rpush(wire.treasury_mailbox(settings.PLATFORM.region), b"forged", b"")
    post.lease(running.pk)
    assert treasury.mailroom.counts["bad_mail"] == 2


def test_pacing_and_a_sign_of_life_are_written(post: Post, running: Campaign, redis: Redis) -> None:
    post.lease(running.pk)
    post.next(wire.Inquire)  # three seconds of the protocol's time: several ticks
    pacing = msgspec.msgpack.decode(redis.get(wire.PACING), type=wire.Pacing)
    assert 0 < pacing.participation[running.pk] <= 1
    assert TreasuryBeat.objects.get().numbers["Register"] == 1


def test_an_emptied_redis_is_filled_again(post: Post, running: Campaign, redis: Redis) -> None:
    post.lease(running.pk)
    redis.flushdb()
    post.next(wire.Inquire)
    for _ in range(50):
        if redis.exists(wire.PACING) and redis.exists(wire.SNAPSHOT_BLOB):
            return
        post.next(wire.Inquire)
    pytest.fail("pacing and snapshot did not come back")


def test_a_new_treasury_tells_open_streams_where_they_stand(
    bank_here: Bank, running: Campaign, redis: Redis, platform: Platform
) -> None:
    bank_here.register()
    Incarnation.objects.update(region=settings.PLATFORM.region, settled_seq=0)
    one = Treasury(platform)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        assert Post(redis, bank_here).next(wire.Cursor) == wire.Cursor(bank_here.incarnation, 0)
    finally:
        one.stopping.set()
        thread.join(WAIT_S)
