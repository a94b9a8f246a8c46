"""What faults have in common: who is struck, and how a process is killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.simulation import Simulation
    from tests.simulation.treasury import Treasury
    from tests.simulation.world import Actor

Fault = Callable[["Simulation"], None]
HOUR_MS = 3_600_000
PAUSE_TERMS = 5
SOON_MS = 4_000
"""An armed crash that nothing has met by then strikes anyway."""


def strikes(simulation: Simulation, fault: str, region: str | None = None, for_ms: int = 0) -> None:
    world = simulation.world
    world.note("fault", fault, region)
    world.coverage.strikes(fault, region, world.now, for_ms)


def kill(simulation: Simulation, actor: Actor) -> None:
    """At one of its next effects, before or after it."""
    actor.crash_in = simulation.world.random.randrange(1, 16)
    simulation.world.stage.after(SOON_MS, kill_now, actor, actor.life)


def kill_now(actor: Actor, life: int) -> None:
    if actor.is_alive and actor.life == life:
        actor.world.note(actor.name, "is killed")
        actor.die()


def any_machine(simulation: Simulation, fault: str, for_ms: int = 0) -> Machine:
    machine = simulation.world.random.choice(simulation.machines)
    strikes(simulation, fault, machine.region, for_ms)
    return machine


def any_treasury(simulation: Simulation, fault: str, for_ms: int = 0) -> Treasury:
    treasury = simulation.world.random.choice(simulation.treasuries)
    strikes(simulation, fault, treasury.region, for_ms)
    return treasury
