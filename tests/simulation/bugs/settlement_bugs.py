"""Bugs in the banker."""
from __future__ import annotations
from tests.simulation.bugs.planting import Bug
BUGS: tuple[Bug, ...] = ()
