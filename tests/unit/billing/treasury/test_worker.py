"""A worker outlives its stores' absence, and ends its process for a bug."""

from __future__ import annotations

import redis
from django.db import OperationalError

from billing.treasury.worker import Stopping, Worker


def test_a_store_that_is_away_is_waited_for() -> None:
    stopping = Stopping()
    errors = [OperationalError("gone"), redis.ConnectionError("gone"), OSError("gone")]

    def step() -> None:
        if errors:
            raise errors.pop()
        stopping.set()

    Worker("one", step, stopping).run()
    assert not stopping.failed


def test_any_other_exception_ends_the_process() -> None:
    stopping = Stopping()

    def step() -> None:
        raise ValueError("a bug")

    Worker("one", step, stopping).run()
    assert stopping.failed
    assert stopping.is_set()
