"""The simulator in short: some seeds are clean, and seeds that are known to find planted bugs find them."""

from __future__ import annotations

import pytest

from tests.simulation import bugs, runner
from tests.simulation.bugs.found import FOUND

SEEDS = range(1, 41)


@pytest.mark.parametrize("first", SEEDS[::20])
def test_no_invariant_breaks(first: int) -> None:
    result = runner.run_batch(range(first, first + 20), ())
    assert [(one.seed, one.text) for one in result.failures] == []
    assert result.seeds == 20


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_planted_bug_is_found(name: str) -> None:
    assert runner.find_bug(name, FOUND[name], FOUND[name]) is not None


@pytest.mark.parametrize("name", sorted(bugs.BUGS))
def test_a_bug_is_planted_in_what_production_says(name: str) -> None:
    assert bugs.BUGS[name].patches()


def test_a_seed_is_the_same_every_time() -> None:
    first, second = (runner.run_batch([7], ()) for _ in range(2))
    assert (first.steps, first.coverage.cells) == (second.steps, second.coverage.cells)
