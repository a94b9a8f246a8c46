"""What a planted bug is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Bug(Struct, frozen=True):
    """A wrong piece of production code."""

    name: str
    breaks: str
    """What it breaks, in words."""
    patches: Callable[[], list[tuple[Any, str, Any]]]
    """(module or class, attribute, the wrong one)."""
    faults: tuple[str, ...] = ()
    """The kinds that bring it out; empty = all."""
    seed: int = 0
    """The first seed that finds it; 0 = not known."""
