"""Which chunks go out: windows, cursors, going back."""

import pytest

from bidder.banker.shipping import Shipping


@pytest.fixture
def shipping() -> Shipping:
    made = Shipping(0, 1000, 2000)
    made.cursor(0, "open", 0)
    return made


def test_nothing_is_sent_before_the_treasury_knows_the_stream() -> None:
    assert not Shipping(0, 1000, 2000).may_send()


def test_the_first_cursor_says_where_to_begin() -> None:
    shipping = Shipping(5, 1000, 2000)
    shipping.cursor(3, "open", 0)
    assert (shipping.sent_seq, shipping.settled_seq) == (3, 3)


def test_the_window_closes_and_opens_with_the_cursor(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    assert shipping.may_send()
    shipping.sent(20, 600, 0)
    assert not shipping.may_send()
    shipping.cursor(10, "open", 0)
    assert shipping.may_send()
    assert shipping.under_way_bytes == 600


def test_after_the_retry_time_it_goes_back_and_then_waits_longer(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    assert not shipping.tick(1999)
    assert shipping.tick(2000)
    assert shipping.sent_seq == 0
    shipping.sent(10, 600, 2000)
    assert not shipping.tick(5999)
    assert shipping.tick(6000)


def test_progress_restores_patience(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    shipping.tick(2000)
    shipping.sent(10, 300, 2000)
    shipping.sent(20, 300, 2000)
    shipping.cursor(10, "open", 2500)
    assert not shipping.tick(4499)
    assert shipping.tick(4500)


def test_the_same_cursor_again_goes_back_at_once_but_only_once(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    shipping.cursor(0, "open", 1)
    assert shipping.sent_seq == 0
    shipping.sent(10, 600, 1)
    shipping.cursor(0, "open", 2)
    assert shipping.sent_seq == 10


def test_a_lower_cursor_goes_back_as_the_database_was_restored(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    shipping.cursor(10, "open", 0)
    shipping.cursor(4, "open", 0)
    assert (shipping.sent_seq, shipping.settled_seq) == (4, 4)


def test_a_cursor_beyond_what_was_sent_is_progress(shipping: Shipping) -> None:
    shipping.cursor(7, "open", 0)
    assert shipping.sent_seq == 7


def test_a_failed_write_is_sent_again(shipping: Shipping) -> None:
    shipping.sent(10, 600, 0)
    shipping.failed(0)
    assert (shipping.sent_seq, shipping.under_way_bytes) == (0, 0)
