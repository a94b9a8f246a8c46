"""Ports below the kernel's own range, shared only on purpose."""

import pytest

from rtbplatform.local import ports


def test_a_chosen_port_is_below_the_range_of_outgoing_connections() -> None:
    assert ports.choose() < 32_768


def test_the_preferred_port_is_kept_while_it_is_free() -> None:
    port = ports.choose()
    assert ports.choose(port) == port


def test_a_preferred_port_in_use_is_replaced() -> None:
    port = ports.choose()
    with ports.hold("127.0.0.1", port):
        assert ports.choose(port) != port


def test_a_port_taken_by_ourselves_is_not_chosen_again() -> None:
    port = ports.choose()
    assert ports.choose(port, frozenset({port})) != port


def test_two_shared_sockets_have_one_port() -> None:
    port = ports.choose()
    with (
        ports.hold("127.0.0.1", port, shared=True) as one,
        ports.hold("127.0.0.1", port, shared=True) as two,
    ):
        assert one.getsockname() == two.getsockname()


def test_a_shared_port_counts_as_in_use() -> None:
    port = ports.choose()
    with ports.hold("127.0.0.1", port, shared=True):
        assert not ports.is_free("127.0.0.1", port)


def test_a_port_that_is_not_shared_cannot_be_held_twice() -> None:
    port = ports.choose()
    with ports.hold("127.0.0.1", port), pytest.raises(OSError, match="in use"):
        ports.hold("127.0.0.1", port)
