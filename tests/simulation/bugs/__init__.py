"""Planted bugs: each a small patch of production code, to prove that the simulator finds what it is for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from tests.simulation.bugs import banker_bugs, settlement_bugs, treasury_bugs
from tests.simulation.bugs.planting import Bug

BUGS: dict[str, Bug] = {
    bug.name: bug for bug in (*banker_bugs.BUGS, *treasury_bugs.BUGS, *settlement_bugs.BUGS)
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """With a bug in production code, or ("") with none."""
    with contextlib.ExitStack() as stack:
        if name:
            for target, attribute, wrong in BUGS[name].patches():
                stack.enter_context(patch.object(target, attribute, wrong))
        yield
