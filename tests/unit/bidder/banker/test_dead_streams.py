"""Outboxes of dead incarnations: what is decided about them."""

import pytest

from bidder.banker.dead_streams import DeadStreams, Step
from bidder.banker.shipping import Shipping
from rtbplatform.kernel.wire import Cursor, Recall

OWN, DEAD, OTHER = b"o" * 16, b"d" * 16, b"x" * 16
RETENTION_MS = 1_000


@pytest.fixture
def dead() -> DeadStreams:
    return DeadStreams(OWN, lambda settled: Shipping(settled, 1_000, 2_000), RETENTION_MS)


def shipped(dead: DeadStreams, closed_ms: int | None = None) -> Shipping:
    assert dead.opened(DEAD, closed_ms) is Step.SHIP
    return dead.shipped_from(DEAD, 10, 4, closed_ms).shipping


def cursor(dead: DeadStreams, settled_seq: int, state: str, wall_ms: int = 50) -> Step:
    return dead.receive(DEAD, Cursor(DEAD, settled_seq, state), 0, wall_ms)


def test_all_files_are_opened_but_our_own(dead: DeadStreams) -> None:
    assert dead.to_open([OWN, DEAD, OTHER]) == [DEAD, OTHER]


def test_a_stream_under_way_is_not_opened_again(dead: DeadStreams) -> None:
    shipped(dead)
    assert dead.to_open([DEAD]) == []


def test_a_file_settled_to_its_end_rests_at_once(dead: DeadStreams) -> None:
    assert dead.opened(DEAD, 7) is Step.REST
    assert dead.to_open([DEAD]) == []


def test_it_is_shipped_until_its_end_is_settled(dead: DeadStreams) -> None:
    shipping = shipped(dead)
    assert cursor(dead, 4, "open") is Step.NOTHING
    assert shipping.registered
    one = dead.shipped[DEAD]
    assert cursor(dead, 10, "closed", wall_ms=60) is Step.REST
    assert (one.closed_ms, shipping.settled_seq) == (60, 10)
    assert (dead.resting, dead.shipped) == ([DEAD], {})


@pytest.mark.parametrize(("settled", "state"), [(9, "closed"), (11, "open"), (11, "closed")])
def test_what_contradicts_the_file_is_ignored(dead: DeadStreams, settled: int, state: str) -> None:
    shipping = shipped(dead)
    assert cursor(dead, settled, state) is Step.NOTHING
    assert not shipping.registered


def test_mail_about_leases_or_others_changes_nothing(dead: DeadStreams) -> None:
    shipped(dead)
    assert dead.receive(DEAD, Recall([b"l"]), 0, 0) is Step.NOTHING
    assert dead.receive(DEAD, Cursor(OTHER, 10, "closed"), 0, 0) is Step.NOTHING
    assert dead.receive(OTHER, Cursor(OTHER, 10, "closed"), 0, 0) is Step.NOTHING


def test_a_stream_that_the_treasury_does_not_know_is_registered_again(dead: DeadStreams) -> None:
    shipping = shipped(dead)
    shipping.register_sent()
    cursor(dead, 4, "open")
    assert (shipping.registered, shipping.registers) == (True, False)
    assert cursor(dead, 0, "unknown") is Step.NOTHING
    assert (shipping.registered, shipping.registers) == (False, True)


def test_a_quarantined_stream_rests_and_is_never_deleted(dead: DeadStreams) -> None:
    shipped(dead)
    one = dead.shipped[DEAD]
    assert cursor(dead, 4, "quarantined") is Step.REST
    assert one.closed_ms is None
    assert dead.to_delete(10**15) == []


def test_a_resting_file_is_deleted_after_the_retention_window(dead: DeadStreams) -> None:
    dead.opened(DEAD, 100)
    assert dead.to_delete(100 + RETENTION_MS) == []
    assert dead.to_delete(101 + RETENTION_MS) == [DEAD]
    assert dead.to_delete(101 + RETENTION_MS) == []


def test_a_census_rouses_what_rests_and_it_is_shipped_again(dead: DeadStreams) -> None:
    dead.opened(DEAD, 100)
    dead.rouse()
    assert dead.is_roused
    assert dead.to_delete(10**15) == []
    assert dead.to_open([OWN, DEAD]) == [DEAD]
    shipping = shipped(dead, closed_ms=100)
    assert shipping.registers
    assert not dead.is_roused


def test_a_roused_stream_that_was_not_lost_keeps_its_age(dead: DeadStreams) -> None:
    dead.opened(DEAD, 100)
    dead.rouse()
    shipped(dead, closed_ms=100)
    assert cursor(dead, 10, "closed", wall_ms=900) is Step.REST
    assert dead.to_delete(101 + RETENTION_MS) == [DEAD]


def test_a_roused_stream_that_was_lost_begins_to_age_when_it_is_settled_again(
    dead: DeadStreams,
) -> None:
    dead.opened(DEAD, 100)
    dead.rouse()
    shipped(dead, closed_ms=100)
    cursor(dead, 0, "open")
    assert cursor(dead, 10, "closed", wall_ms=900) is Step.REST
    assert dead.to_delete(101 + RETENTION_MS) == []
    assert dead.to_delete(901 + RETENTION_MS) == [DEAD]


def test_a_census_has_streams_under_way_register_again(dead: DeadStreams) -> None:
    shipping = shipped(dead)
    shipping.register_sent()
    cursor(dead, 4, "open")
    dead.rouse()
    assert shipping.registers
    assert shipping.registered


def test_what_left_the_disk_is_forgotten(dead: DeadStreams) -> None:
    dead.opened(DEAD, 100)
    dead.rouse()
    dead.gone(DEAD)
    assert not dead.is_roused
