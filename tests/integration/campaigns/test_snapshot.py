"""The snapshot: what is in it, how many queries it takes, and when it is published again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from psycopg import connect
from redis import Redis

from campaigns.models import Campaign, Dsp
from campaigns.policy import SYSTEM
from campaigns.services.budget_change import budget_change
from campaigns.services.campaign_status import campaign_pause, campaign_resume
from campaigns.services.creative_review import creative_review
from campaigns.services.dsp_save import dsp_create
from campaigns.services.exchange_key import exchange_key_create
from campaigns.services.exchange_save import exchange_create, exchange_update
from campaigns.services.kill_switch import advertiser_kill, platform_switch_set
from campaigns.snapshot.build import build
from campaigns.snapshot.publish import SnapshotPublisher, publish
from fraud.services import block_entry_set
from rtbplatform.kernel import snapshot, wire
from rtbplatform.kernel.keys import derive, exchange_key_hash
from tests.integration.campaigns.cast import DOLLAR, make_campaign, make_creative

BUILD_QUERIES = 8


def running(cast: SimpleNamespace, name: str = "Spring", **fields: Any) -> Campaign:
    """An active campaign with an approved creative."""
    campaign = make_campaign(cast, name=name, **fields)
    creative = make_creative(cast, campaign)
    creative_review(actor=cast.operator, creative_id=creative.pk, approve=True)
    return campaign_resume(actor=cast.owner, campaign_id=campaign.pk)


def built() -> snapshot.Snapshot:
    return build(1, timezone.now())


def read(redis: Redis) -> snapshot.Snapshot:
    key = derive(settings.PLATFORM.rtb_secret, wire.SNAPSHOT_PURPOSE)
    blob = redis.get(wire.SNAPSHOT_BLOB)
    assert isinstance(blob, bytes)
    return snapshot.unseal(key, blob)


@pytest.mark.django_db
class TestContent:
    def test_a_running_campaign_and_its_creative_are_in(self, cast: SimpleNamespace) -> None:
        campaign = running(cast)
        content = built()
        assert [view.id for view in content.campaigns] == [campaign.pk]
        assert [view.campaign for view in content.creatives] == [campaign.pk]

    @pytest.mark.parametrize(
        "stop",
        [
            lambda cast, one: campaign_pause(actor=cast.owner, campaign_id=one.pk),
            lambda cast, one: advertiser_kill(
                actor=cast.operator, advertiser_id=cast.acme.pk, killed=True, reason="test"
            ),
            lambda cast, one: creative_review(
                actor=cast.operator,
                creative_id=built().creatives[0].id,
                approve=False,
                reason="test",
            ),
        ],
        ids=["paused", "advertiser killed", "no approved creative"],
    )
    def test_what_may_not_run_is_out(
        self, cast: SimpleNamespace, stop: Callable[[SimpleNamespace, Campaign], Any]
    ) -> None:
        stop(cast, running(cast))
        content = built()
        assert (content.campaigns, content.creatives) == ([], [])

    def test_a_flight_that_is_over_is_out(self, cast: SimpleNamespace) -> None:
        now = timezone.now()
        running(cast, starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))
        assert built().campaigns == []

    def test_a_campaign_of_a_dsp_needs_no_creative(self, cast: SimpleNamespace) -> None:
        dsp = dsp_create(actor=SYSTEM, slug="d", name="D", seat="s", endpoint="http://d/bid")
        campaign = make_campaign(cast, actor=cast.operator, dsp=dsp)
        campaign_resume(actor=cast.owner, campaign_id=campaign.pk)
        assert [view.dsp for view in built().campaigns] == [dsp.pk]

    def test_a_paused_campaign_of_a_dsp_is_in_as_not_active(self, cast: SimpleNamespace) -> None:
        dsp = dsp_create(actor=SYSTEM, slug="d", name="D", seat="s", endpoint="http://d/bid")
        campaign = make_campaign(cast, actor=cast.operator, dsp=dsp)
        campaign_resume(actor=cast.owner, campaign_id=campaign.pk)
        assert [view.active for view in built().campaigns] == [True]
        campaign_pause(actor=cast.owner, campaign_id=campaign.pk)
        assert [view.active for view in built().campaigns] == [False]

    def test_an_exchange_has_the_hashes_of_its_keys(self, cast: SimpleNamespace) -> None:
        exchange = exchange_create(actor=SYSTEM, slug="x", name="X")
        _, clear = exchange_key_create(actor=SYSTEM, exchange_id=exchange.pk, label="1")
        assert built().exchanges[0].key_hashes == [exchange_key_hash(clear)]

    @pytest.mark.parametrize(
        ("charging", "horizon_ms"), [("at_auction", 0), ("on_billing_notice", 60_000)]
    )
    def test_a_billing_horizon_is_told_with_the_charging_that_has_one(
        self, charging: str, horizon_ms: int
    ) -> None:
        exchange_create(actor=SYSTEM, slug="x", name="X", charging=charging, billing_horizon_s=60)
        view = built().exchanges[0]
        assert (view.charging, view.billing_horizon_ms) == (charging, horizon_ms)

    def test_an_exchange_switched_off_is_out(self, cast: SimpleNamespace) -> None:
        exchange = exchange_create(actor=SYSTEM, slug="x", name="X")
        exchange_update(actor=SYSTEM, exchange_id=exchange.pk, active=False)
        assert built().exchanges == []

    def test_a_dsps_credential_is_in_clear(self, cast: SimpleNamespace) -> None:
        dsp_create(
            actor=SYSTEM,
            slug="d",
            name="D",
            seat="s",
            endpoint="http://d/bid",
            auth_header="X-Token",
            auth_value="t",
        )
        view = built().dsps[0]
        assert (view.auth_header, view.auth_value) == ("X-Token", "t")

    def test_a_credential_that_cannot_be_opened_harms_its_dsp_only(
        self, cast: SimpleNamespace
    ) -> None:
        for slug in ("lost", "kept"):
            dsp_create(actor=SYSTEM, slug=slug, name=slug, seat=slug, endpoint="http://d/bid")
        Dsp.objects.filter(slug="lost").update(auth_value_sealed=bytes(40))
        assert [view.slug for view in built().dsps] == ["kept"]

    def test_a_block_that_has_expired_is_out(self, cast: SimpleNamespace) -> None:
        past = timezone.now() - timedelta(minutes=1)
        block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.1", expires_at=past)
        block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.2")
        assert [view.value for view in built().blocks] == ["192.0.2.2"]

    def test_the_platforms_switches_are_in(self, cast: SimpleNamespace) -> None:
        platform_switch_set(
            actor=SYSTEM, reason="test", killed=True, velocity_ip_per_minute_max=600
        )
        content = built()
        assert (content.killed, content.velocity_per_minute_max) == (True, {"ip": 600})

    def test_the_number_of_queries_does_not_grow(
        self, cast: SimpleNamespace, django_assert_num_queries: Any
    ) -> None:
        for number in range(5):
            running(cast, name=f"campaign {number}")
            exchange_create(actor=SYSTEM, slug=f"x{number}", name="X")
        with django_assert_num_queries(BUILD_QUERIES):
            built()


@pytest.mark.django_db(transaction=True)
class TestPublishing:
    def test_what_is_published_can_be_read(self, cast: SimpleNamespace, redis: Redis) -> None:
        campaign = running(cast)
        published = publish(redis)
        assert published is not None
        content = read(redis)
        assert content.version == published.version == int(redis.get(wire.SNAPSHOT_VERSION) or 0)
        assert content.campaigns[0].id == campaign.pk

    def test_it_is_announced(self, cast: SimpleNamespace, redis: Redis) -> None:
        with redis.pubsub() as news:
            news.subscribe(wire.SNAPSHOT_CHANNEL)
            assert news.get_message(timeout=10)["type"] == "subscribe"
            published = publish(redis)
            assert published is not None
            wanted = str(published.version).encode()
            while (message := news.get_message(timeout=10)) is not None:
                if message["data"] == wanted:
                    break
            assert message is not None

    def test_a_version_above_ours_is_overtaken(self, redis: Redis) -> None:
        """After a restore of Postgres its versions would lag behind those that bidders have."""
        redis.set(wire.SNAPSHOT_VERSION, 10**9)
        published = publish(redis)
        assert published is not None
        assert published.version > 10**9

    def test_nothing_changed_nothing_published(self, cast: SimpleNamespace, redis: Redis) -> None:
        publisher = SnapshotPublisher(redis)
        assert publisher.tick(0)
        assert not publisher.tick(1000)

    def test_a_change_is_published(self, cast: SimpleNamespace, redis: Redis) -> None:
        campaign = running(cast)
        publisher = SnapshotPublisher(redis)
        publisher.tick(0)
        budget_change(
            actor=cast.owner,
            campaign_id=campaign.pk,
            daily_budget_micros=DOLLAR,
            total_budget_micros=None,
        )
        assert publisher.tick(100)
        assert read(redis).campaigns[0].budget_version == 2

    def test_a_burst_makes_one_snapshot(self, cast: SimpleNamespace, redis: Redis) -> None:
        publisher = SnapshotPublisher(redis)
        publisher.tick(0)
        block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.1")
        assert not publisher.tick(99)
        block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.2")
        assert publisher.tick(100)
        assert not publisher.tick(200)

    def test_a_change_that_commits_late_is_not_missed(
        self, cast: SimpleNamespace, redis: Redis
    ) -> None:
        """Its transaction and id are older than those of a change already published."""
        params = connections["default"].get_connection_params()
        wanted = {key: params[key] for key in ("dbname", "user", "password", "host", "port")}
        publisher = SnapshotPublisher(redis)
        publisher.tick(0)
        with connect(**wanted) as late:
            late.execute(
                "INSERT INTO outbox_event (advertiser_id, topic, aggregate_type, aggregate_id, payload)"
                " VALUES (0, 'block.changed', 'block', '1', '{}')"
            )
            block_entry_set(actor=SYSTEM, kind="ip", value="192.0.2.1")
            assert publisher.tick(100)
            assert not publisher.tick(200)
            late.commit()
        assert publisher.tick(300)

    def test_an_emptied_redis_gets_it_again(self, cast: SimpleNamespace, redis: Redis) -> None:
        publisher = SnapshotPublisher(redis)
        publisher.tick(0)
        redis.delete(wire.SNAPSHOT_BLOB, wire.SNAPSHOT_VERSION)
        assert publisher.tick(1000)
        assert read(redis).version == publisher.version

    def test_a_topic_that_bidders_do_not_see_is_no_reason(
        self, cast: SimpleNamespace, redis: Redis
    ) -> None:
        publisher = SnapshotPublisher(redis)
        publisher.tick(0)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO outbox_event (advertiser_id, topic, aggregate_type, aggregate_id, payload)"
                " VALUES (0, 'invoice.made', 'invoice', '1', '{}')"
            )
        assert not publisher.tick(100)
