"""Planted bugs: each a small patch of production code, to prove that the simulator finds what it is for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def system() -> Iterator[None]:
    yield


@contextlib.contextmanager
def planted(bug: str) -> Iterator[None]:
    yield
