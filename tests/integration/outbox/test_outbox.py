"""The outbox against real, concurrent transactions of Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from rtbplatform.outbox.consume import CursorAheadError, consume, prune, waiting
from rtbplatform.outbox.models import OutboxCursor, OutboxEvent
from rtbplatform.outbox.publish import CHANNEL, NotInTransactionError, publish

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = (
    "INSERT INTO outbox_event (advertiser_id, topic, aggregate_type, aggregate_id, payload)"
    " VALUES (7, %s, 'campaign', '1', '{}')"
)


def connect() -> psycopg.Connection:
    """A connection of its own to the test database."""
    params = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{key: params[key] for key in wanted if key in params})


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    with connect() as opened:
        yield opened


def write(topic: str) -> None:
    with transaction.atomic():
        publish(topic, 7, ("campaign", 1), {"n": 1})


def taken(consumer: str = "test") -> list[str]:
    topics: list[str] = []
    while consume(consumer, lambda event: topics.append(event.topic), batch=2):
        continue
    return topics


def taken_until(count: int) -> list[str]:
    """Other databases of this cluster may hold a transaction open for a moment: asks until all have come."""
    topics: list[str] = []
    deadline = timezone.now() + timedelta(seconds=20)
    while len(topics) < count and timezone.now() < deadline:
        topics += taken()
    return topics


def waiting_and_complete() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM outbox_event WHERE xid < pg_snapshot_xmin(pg_current_snapshot())"
        )
        return int(cursor.fetchone()[0])


def test_rows_come_in_order_and_once() -> None:
    for number in range(5):
        write(f"t{number}")
    assert taken_until(5) == ["t0", "t1", "t2", "t3", "t4"]
    assert taken() == []


def test_a_row_outside_a_transaction_is_refused() -> None:
    with pytest.raises(NotInTransactionError):
        publish("t", 7, ("campaign", 1), {})


def test_a_lower_id_that_commits_later_is_not_missed(other: psycopg.Connection) -> None:
    """The trap of serial ids: the first transaction holds the lower id and commits last."""
    other.execute(INSERT, ["early id, late commit"])
    write("late id, early commit")
    assert taken() == []  # nothing is certain while the first is open
    other.commit()
    assert taken_until(2) == ["early id, late commit", "late id, early commit"]


def test_an_older_transaction_with_a_higher_id_is_not_missed(other: psycopg.Connection) -> None:
    """The other way round: its transaction is older, its id is higher."""
    other.execute("SELECT pg_current_xact_id()")
    write("lower id, younger transaction")
    other.execute(INSERT, ["higher id, older transaction"])
    assert taken() == []
    other.commit()
    assert taken_until(2) == ["higher id, older transaction", "lower id, younger transaction"]


def test_a_rolled_back_row_leaves_no_hole(other: psycopg.Connection) -> None:
    other.execute(INSERT, ["gone"])
    write("kept")
    other.rollback()
    assert taken_until(1) == ["kept"]


def test_a_failing_handler_keeps_the_whole_batch() -> None:
    write("a")
    write("b")

    def fail(event: OutboxEvent) -> None:
        raise LookupError(event.topic)

    while waiting_and_complete() < 2:
        continue
    with pytest.raises(LookupError):
        consume("test", fail)
    assert taken_until(2) == ["a", "b"]


def test_consumers_do_not_disturb_each_other() -> None:
    write("a")
    assert taken_until(1) == ["a"]
    assert taken("another") == ["a"]


def test_topics_that_were_not_asked_for_are_passed() -> None:
    write("a")
    write("b")
    seen: list[str] = []
    passed = 0
    while passed < 2:
        passed += consume("test", lambda event: seen.append(event.topic), topics={"b"})
    assert seen == ["b"]


def test_a_listener_is_woken_by_the_commit(other: psycopg.Connection) -> None:
    other.autocommit = True
    other.execute(f"LISTEN {CHANNEL}")
    write("woken")
    assert next(other.notifies(timeout=10)).payload == "woken"


def test_pruning_waits_for_the_slowest_consumer() -> None:
    write("a")
    OutboxEvent.objects.update(created_at=timezone.now() - timedelta(days=2))
    OutboxCursor.objects.create(consumer="slow")
    assert taken_until(1) == ["a"]
    assert prune() == 0
    while consume("slow", lambda _: None) == 0:
        continue
    assert prune() == 1


def test_pruning_keeps_a_day() -> None:
    write("a")
    assert taken_until(1) == ["a"]
    assert prune() == 0


def test_waiting_counts_what_a_consumer_has_not_passed() -> None:
    write("a")
    assert waiting("test") == 1
    assert taken_until(1) == ["a"]
    assert waiting("test") == 0


def test_a_cursor_from_another_cluster_is_an_alarm() -> None:
    OutboxCursor.objects.create(consumer="test", last_xid=2**62)
    with pytest.raises(CursorAheadError):
        consume("test", lambda _: None)
