"""What goes wrong. Each fault is a function of a simulation: it strikes, and arranges for its own end."""

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


def _strikes(
    simulation: Simulation, fault: str, region: str | None = None, for_ms: int = 0
) -> None:
    world = simulation.world
    world.note("fault", fault, region)
    world.coverage.strikes(fault, region, world.now, for_ms)


def _kill(simulation: Simulation, actor: Actor) -> None:
    """At one of its next effects, before or after it."""
    actor.crash_in = simulation.world.random.randrange(1, 16)
    simulation.world.stage.after(SOON_MS, _kill_now, actor, actor.life)


def _kill_now(actor: Actor, life: int) -> None:
    if actor.is_alive and actor.life == life:
        actor.world.note(actor.name, "is killed")
        actor.die()


def _machine(simulation: Simulation, fault: str, for_ms: int = 0) -> Machine:
    machine = simulation.world.random.choice(simulation.machines)
    _strikes(simulation, fault, machine.region, for_ms)
    return machine


def _treasury(simulation: Simulation, fault: str, for_ms: int = 0) -> Treasury:
    treasury = simulation.world.random.choice(simulation.treasuries)
    _strikes(simulation, fault, treasury.region, for_ms)
    return treasury


def banker_killed(simulation: Simulation) -> None:
    _kill(simulation, _machine(simulation, "banker_killed").banker)


def worker_killed(simulation: Simulation) -> None:
    _kill(simulation, _machine(simulation, "worker_killed").worker)


def treasury_killed(simulation: Simulation) -> None:
    _kill(simulation, _treasury(simulation, "treasury_killed"))


def power_cut(simulation: Simulation) -> None:
    """Of one machine: in the middle of a commit, if there is one soon."""
    machine = _machine(simulation, "power_cut")
    machine.loses_power = True
    _kill(simulation, machine.banker)


def disk_full(simulation: Simulation) -> None:
    machine = _machine(simulation, "disk_full", 3_000)
    for file in machine.disk.files.values():
        file.fails = "full"
    simulation.world.stage.after(6_000, _disk_works, machine)


def fsync_error(simulation: Simulation) -> None:
    machine = _machine(simulation, "fsync_error")
    machine.loses_power = simulation.world.chance(0.5)
    for file in machine.disk.files.values():
        file.fails = "fsync"
    simulation.world.stage.after(6_000, _disk_works, machine)


def _disk_works(machine: Machine) -> None:
    for file in machine.disk.files.values():
        file.fails = ""


def disk_lost(simulation: Simulation) -> None:
    """A machine burns; its pod comes back with an empty disk, on the same file system or another."""
    machine = _machine(simulation, "disk_lost")
    machine.power_cut()
    same = simulation.world.chance(0.5)
    before = machine.disk.file_system
    for file in machine.disk.lost():
        simulation.people.lost_files[file.incarnation] = file
    if same:
        machine.disk.file_system = before


def outbox_deleted(simulation: Simulation) -> None:
    """Under the running banker's feet: it writes on into a file that has no name any more."""
    machine = _machine(simulation, "outbox_deleted")
    file = machine.disk.files.pop(machine.banker.incarnation, None)
    if file is not None:
        simulation.people.lost_files[file.incarnation] = file
    _kill(simulation, machine.banker)


def disk_cloned(simulation: Simulation) -> None:
    """A machine's files turn up on another one of the region; or, put back from a backup, on its own."""
    machine = _machine(simulation, "disk_cloned")
    others = [one for one in simulation.machines if one.region == machine.region]
    target = simulation.world.random.choice(others)
    for file in list(machine.disk.files.values()):
        if target is not machine or file.owner is None:
            clone = file.cloned()
            if target is machine:
                simulation.people.lost_files[file.incarnation] = machine.disk.files.pop(
                    file.incarnation
                )
            target.disk.put(clone, is_copy=True)


def redis_killed(simulation: Simulation) -> None:
    box = simulation.world.random.choice(simulation.boxes)
    for_ms = simulation.world.random.randrange(500, 20_000)
    _strikes(simulation, "redis_killed", box.region, for_ms)
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
    _strikes(simulation, "redis_emptied", box.region)
    box.emptied()


def redis_restored(simulation: Simulation) -> None:
    """From an old copy: read mail comes again."""
    box = simulation.world.random.choice(simulation.boxes)
    _strikes(simulation, "redis_restored", box.region)
    box.restored()


def postgres_killed(simulation: Simulation) -> None:
    """Down for a while; what was committed is there again."""
    _postgres_down(simulation, "postgres_killed")
    simulation.world.stage.after(
        simulation.world.random.randrange(300, 30_000), simulation.postgres_up
    )


def postgres_failed_over(simulation: Simulation) -> None:
    """To a replica that was behind: the last transactions are gone."""
    _postgres_down(simulation, "postgres_failed_over")
    simulation.db.tables.lose(simulation.world.random.randrange(1, 40))
    simulation.world.stage.after(
        simulation.world.random.randrange(300, 5_000), simulation.postgres_up
    )


def postgres_restored(simulation: Simulation) -> None:
    """To an earlier point in time."""
    _postgres_down(simulation, "postgres_restored")
    world = simulation.world
    back_ms = world.random.choice((3_000, 10_000, 30_000, 80_000))
    lost = simulation.db.tables.restore(max(simulation.founded_ms, world.now - back_ms))
    world.note("Postgres", "has lost transactions", lost)
    world.stage.after(world.random.randrange(300, 5_000), simulation.postgres_up)


def _postgres_down(simulation: Simulation, fault: str) -> None:
    _strikes(simulation, fault, None, 30_000)
    simulation.db.is_up = False


def cut_from_postgres(simulation: Simulation) -> None:
    """A region; in one direction, in both, or with the answer of the next commit lost."""
    random = simulation.world.random
    for_ms = random.randrange(2_000, 40_000)
    treasury = _treasury(simulation, "cut_from_postgres", for_ms)
    treasury.cut = random.choice(("to", "both", "lost answer"))
    simulation.world.stage.after(for_ms, _heal_treasury, treasury)


def _heal_treasury(treasury: Treasury) -> None:
    treasury.cut = ""


def cut_from_redis(simulation: Simulation) -> None:
    """One side of a region's mail, in one direction or both."""
    random = simulation.world.random
    for_ms = random.randrange(2_000, 40_000)
    box = random.choice(simulation.boxes)
    _strikes(simulation, "cut_from_redis", box.region, for_ms)
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
    _strikes(simulation, fault, box.region)
    box.mangles[kind] = simulation.world.random.randrange(10, 60)


def mail_dropped(simulation: Simulation) -> None:
    _mangled(simulation, "mail_dropped", "drop")


def mail_doubled(simulation: Simulation) -> None:
    _mangled(simulation, "mail_doubled", "double")


def mail_swapped(simulation: Simulation) -> None:
    _mangled(simulation, "mail_swapped", "swap")


def mail_late(simulation: Simulation) -> None:
    _mangled(simulation, "mail_late", "late")


def banker_paused(simulation: Simulation) -> None:
    machine = _machine(simulation, "banker_paused", simulation.pause_ms)
    machine.banker.pause(simulation.pause_ms)


def worker_paused(simulation: Simulation) -> None:
    machine = _machine(simulation, "worker_paused", simulation.pause_ms)
    machine.worker.pause(simulation.pause_ms)


def treasury_paused(simulation: Simulation) -> None:
    _treasury(simulation, "treasury_paused", simulation.pause_ms).pause(simulation.pause_ms)


def machine_clock(simulation: Simulation) -> None:
    """An hour ahead or back, for good."""
    machine = _machine(simulation, "machine_clock", HOUR_MS)
    machine.clock.offset_ms = simulation.world.random.choice((-HOUR_MS, HOUR_MS))


def treasury_clock(simulation: Simulation) -> None:
    treasury = _treasury(simulation, "treasury_clock", 40_000)
    treasury.clock.offset_ms = simulation.world.random.choice((-HOUR_MS, -7_000, 7_000, HOUR_MS))
    simulation.world.stage.after(40_000, _treasury_clock_right, treasury)


def _treasury_clock_right(treasury: Treasury) -> None:
    treasury.clock.offset_ms = 0


def postgres_clock(simulation: Simulation) -> None:
    """Jumps: horizons end early or late, money does not care."""
    _strikes(simulation, "postgres_clock", None)
    simulation.truth.clock_jumps.append(simulation.world.now)
    simulation.db.offset_ms += simulation.world.random.choice((-30_000, 30_000, HOUR_MS))


def journal_lost(simulation: Simulation) -> None:
    """A region's journal is gone, together with its treasury."""
    treasury = _treasury(simulation, "journal_lost")
    treasury.disk.data = None
    _kill_now(treasury, treasury.life)


def journal_torn(simulation: Simulation) -> None:
    """Its last line is half written; the treasury ends."""
    treasury = _treasury(simulation, "journal_torn")
    if treasury.is_alive:
        treasury.tear_journal()


def second_treasury(simulation: Simulation) -> None:
    """Two for a region, over the same mail and the same rows."""
    region = simulation.world.random.choice(simulation.boxes).region
    _strikes(simulation, "second_treasury", region, 60_000)
    simulation.add_treasury(region)


def budget_cut(simulation: Simulation) -> None:
    _strikes(simulation, "budget_cut", None)
    simulation.people.edit("cut")


def budget_raised(simulation: Simulation) -> None:
    _strikes(simulation, "budget_raised", None)
    simulation.people.edit("raise")


def total_cut(simulation: Simulation) -> None:
    _strikes(simulation, "total_cut", None)
    simulation.people.edit("total")


def campaign_paused(simulation: Simulation) -> None:
    _strikes(simulation, "campaign_paused", None)
    simulation.people.edit("pause")


def notices_late(simulation: Simulation) -> None:
    _strikes(simulation, "notices_late", None)
    simulation.pays_on_notice.notices_late += 8


def notices_doubled(simulation: Simulation) -> None:
    _strikes(simulation, "notices_doubled", None)
    simulation.pays_on_notice.notices_doubled = 12


def notices_forged(simulation: Simulation) -> None:
    _strikes(simulation, "notices_forged", None)
    simulation.pays_on_notice.notices_forged += 8


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        *(banker_killed, worker_killed, treasury_killed, power_cut, disk_full, fsync_error),
        *(disk_lost, outbox_deleted, disk_cloned, redis_killed, redis_emptied, redis_restored),
        *(postgres_killed, postgres_failed_over, postgres_restored, cut_from_postgres),
        *(cut_from_redis, mail_dropped, mail_doubled, mail_swapped, mail_late, banker_paused),
        *(worker_paused, treasury_paused, machine_clock, treasury_clock, postgres_clock),
        *(journal_lost, journal_torn, second_treasury, budget_cut, budget_raised, total_cut),
        *(campaign_paused, notices_late, notices_doubled, notices_forged),
    )
}
