"""What goes wrong with Redis, Postgres and the ways to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.striking import any_treasury, strikes

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation
    from tests.simulation.treasury import Treasury

FIRST_BANKERS_MS = 4_000
"""Until when every region's first banker has registered. A census does not wait for a region that the database has never
heard of: a restore to before that is not survived without a person, and not simulated."""


def redis_killed(simulation: Simulation) -> None:
    box = simulation.world.random.choice(simulation.boxes)
    for_ms = simulation.world.random.randrange(500, 20_000)
    strikes(simulation, "redis_killed", box.region, for_ms)
    box.is_up = False
    box.emptied()
    simulation.world.stage.after(for_ms, _redis_up, simulation, box)


def _redis_up(simulation: Simulation, box: object) -> None:
    for one in simulation.boxes:
        if one is box:
            one.is_up = True
            one.wake_all()


def redis_emptied(simulation: Simulation) -> None:
    box = simulation.world.random.choice(simulation.boxes)
    strikes(simulation, "redis_emptied", box.region)
    box.emptied()


def redis_restored(simulation: Simulation) -> None:
    """From an old copy: read mail comes again."""
    box = simulation.world.random.choice(simulation.boxes)
    strikes(simulation, "redis_restored", box.region)
    box.restored()


def postgres_killed(simulation: Simulation) -> None:
    """Down for a while; what was committed is there again."""
    _postgres_down(simulation, "postgres_killed")
    simulation.world.stage.after(
        simulation.world.random.randrange(300, 30_000), simulation.postgres_up
    )


def postgres_failed_over(simulation: Simulation) -> None:
    """To a replica that was behind: the last transactions are gone. Trouble seldom comes alone: the mail of a region may
    be late since a moment before, so that letters about what is lost arrive after it."""
    strikes(simulation, "postgres_failed_over", None, 30_000)
    if simulation.world.chance(0.5):
        simulation.world.random.choice(simulation.boxes).mangles["late"] = 80
        simulation.world.stage.after(2_000, _fails_over, simulation)
    else:
        _fails_over(simulation)


def _fails_over(simulation: Simulation) -> None:
    simulation.db.is_up = False
    lost = simulation.world.random.randrange(1, 40)
    simulation.db.tables.lose(lost, simulation.destroyed_ms)
    simulation.world.stage.after(
        simulation.world.random.randrange(300, 5_000), simulation.postgres_up
    )


def postgres_restored(simulation: Simulation) -> None:
    """To an earlier point in time."""
    _postgres_down(simulation, "postgres_restored")
    world = simulation.world
    back_ms = world.random.choice((3_000, 10_000, 30_000, 80_000))
    # Not to before a disk was destroyed: of what was granted there are two copies, and one must be left.
    earliest_ms = max(simulation.founded_ms + FIRST_BANKERS_MS, simulation.destroyed_ms)
    lost = simulation.db.tables.restore(max(earliest_ms, world.now - back_ms))
    world.note("Postgres", "has lost transactions", lost)
    world.stage.after(world.random.randrange(300, 5_000), simulation.postgres_up)


def _postgres_down(simulation: Simulation, fault: str) -> None:
    strikes(simulation, fault, None, 30_000)
    simulation.db.is_up = False


def cut_from_postgres(simulation: Simulation) -> None:
    """A region; in one direction, in both, or with the answer of the next commit lost."""
    random = simulation.world.random
    for_ms = random.randrange(2_000, 40_000)
    treasury = any_treasury(simulation, "cut_from_postgres", for_ms)
    treasury.cut = random.choice(("to", "both", "lost answer"))
    simulation.world.stage.after(for_ms, _heal_treasury, treasury)


def _heal_treasury(treasury: Treasury) -> None:
    treasury.cut = ""


def cut_from_redis(simulation: Simulation) -> None:
    """One side of a region's mail, in one direction or both."""
    random = simulation.world.random
    for_ms = random.randrange(2_000, 40_000)
    box = random.choice(simulation.boxes)
    strikes(simulation, "cut_from_redis", box.region, for_ms)
    side = random.choice(("treasury", "bankers"))
    box.cut[side] = random.choice(("to", "from", "both"))
    simulation.world.stage.after(for_ms, _heal_redis, simulation, box.region, side)


def _heal_redis(simulation: Simulation, region: str, side: str) -> None:
    for box in simulation.boxes:
        if box.region == region:
            box.cut.pop(side, None)
            box.wake_all()


def _mangled(simulation: Simulation, fault: str, kind: str) -> None:
    box = simulation.world.random.choice(simulation.boxes)
    strikes(simulation, fault, box.region)
    box.mangles[kind] = simulation.world.random.randrange(10, 60)


def mail_dropped(simulation: Simulation) -> None:
    _mangled(simulation, "mail_dropped", "drop")


def mail_doubled(simulation: Simulation) -> None:
    _mangled(simulation, "mail_doubled", "double")


def mail_swapped(simulation: Simulation) -> None:
    _mangled(simulation, "mail_swapped", "swap")


def mail_late(simulation: Simulation) -> None:
    _mangled(simulation, "mail_late", "late")
