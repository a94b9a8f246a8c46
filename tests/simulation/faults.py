"""What goes wrong. Each fault is a function of a simulation: it strikes, and arranges for its own end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults_stores import (
    cut_from_postgres,
    cut_from_redis,
    mail_doubled,
    mail_dropped,
    mail_late,
    mail_swapped,
    postgres_failed_over,
    postgres_killed,
    postgres_restored,
    redis_emptied,
    redis_killed,
    redis_restored,
)
from tests.simulation.striking import (
    HOUR_MS,
    Fault,
    any_machine,
    any_treasury,
    kill,
    kill_now,
    strikes,
)

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.simulation import Simulation
    from tests.simulation.treasury import Treasury


def banker_killed(simulation: Simulation) -> None:
    kill(simulation, any_machine(simulation, "banker_killed").banker)


def worker_killed(simulation: Simulation) -> None:
    kill(simulation, any_machine(simulation, "worker_killed").worker)


def treasury_killed(simulation: Simulation) -> None:
    kill(simulation, any_treasury(simulation, "treasury_killed"))


def power_cut(simulation: Simulation) -> None:
    """Of one machine: in the middle of a commit, if there is one soon."""
    machine = any_machine(simulation, "power_cut")
    machine.loses_power = True
    kill(simulation, machine.banker)


def disk_full(simulation: Simulation) -> None:
    machine = any_machine(simulation, "disk_full", 3_000)
    for file in machine.disk.files.values():
        file.fails = "full"
    simulation.world.stage.after(6_000, _disk_works, machine)


def fsync_error(simulation: Simulation) -> None:
    machine = any_machine(simulation, "fsync_error")
    machine.loses_power = simulation.world.chance(0.5)
    for file in machine.disk.files.values():
        file.fails = "fsync"
    simulation.world.stage.after(6_000, _disk_works, machine)


def _disk_works(machine: Machine) -> None:
    for file in machine.disk.files.values():
        file.fails = ""


def _is_copied(simulation: Simulation) -> bool:
    """Whether Postgres is there and knows what was granted: only then one may lose the disk that knows it too."""
    newest = max(simulation.db.censuses.values(), key=lambda census: census.no, default=None)
    if newest is None or not simulation.db.is_up or newest.server != simulation.db.server():
        return False
    is_complete: bool = newest.is_complete
    return is_complete


def disk_lost(simulation: Simulation) -> None:
    """A machine burns; its pod comes back with an empty disk, on the same file system or another."""
    if not _is_copied(simulation):
        simulation.world.stage.after(500, disk_lost, simulation)
        return
    simulation.destroyed_ms = simulation.world.now
    machine = any_machine(simulation, "disk_lost")
    machine.power_cut()
    same = simulation.world.chance(0.5)
    before = machine.disk.file_system
    for file in machine.disk.lost():
        simulation.people.lost_files[file.incarnation] = file
    if same:
        machine.disk.file_system = before


def outbox_deleted(simulation: Simulation) -> None:
    """Under the running banker's feet: it writes on into a file that has no name any more."""
    if not _is_copied(simulation):
        simulation.world.stage.after(500, outbox_deleted, simulation)
        return
    simulation.destroyed_ms = simulation.world.now
    machine = any_machine(simulation, "outbox_deleted")
    file = machine.disk.files.pop(machine.banker.incarnation, None)
    if file is not None:
        simulation.people.lost_files[file.incarnation] = file
    kill(simulation, machine.banker)


def disk_cloned(simulation: Simulation) -> None:
    """A machine's files turn up on another one of the region; or, put back from a backup, on its own."""
    if not _is_copied(simulation):
        simulation.world.stage.after(500, disk_cloned, simulation)
        return
    machine = any_machine(simulation, "disk_cloned")
    others = [one for one in simulation.machines if one.region == machine.region]
    target = simulation.world.random.choice(others)
    for file in list(machine.disk.files.values()):
        if target is not machine or file.owner is None:
            clone = file.cloned()
            if target is machine:
                simulation.destroyed_ms = simulation.world.now
                simulation.people.lost_files[file.incarnation] = machine.disk.files.pop(
                    file.incarnation
                )
            target.disk.put(clone, is_copy=True)


def banker_paused(simulation: Simulation) -> None:
    machine = any_machine(simulation, "banker_paused", simulation.pause_ms)
    machine.banker.pauses_busy_ms = simulation.pause_ms


def worker_paused(simulation: Simulation) -> None:
    machine = any_machine(simulation, "worker_paused", simulation.pause_ms)
    machine.worker.pauses_busy_ms = simulation.pause_ms


def treasury_paused(simulation: Simulation) -> None:
    any_treasury(simulation, "treasury_paused", simulation.pause_ms).pause(simulation.pause_ms)


def machine_clock(simulation: Simulation) -> None:
    """An hour ahead or back, for good."""
    machine = any_machine(simulation, "machine_clock", HOUR_MS)
    machine.clock.offset_ms = simulation.world.random.choice((-HOUR_MS, HOUR_MS))


def treasury_clock(simulation: Simulation) -> None:
    treasury = any_treasury(simulation, "treasury_clock", 40_000)
    treasury.clock.offset_ms = simulation.world.random.choice((-HOUR_MS, -7_000, 7_000, HOUR_MS))
    simulation.world.stage.after(40_000, _treasury_clock_right, treasury)


def _treasury_clock_right(treasury: Treasury) -> None:
    treasury.clock.offset_ms = 0


def postgres_clock(simulation: Simulation) -> None:
    """Jumps: horizons end early or late, money does not care."""
    strikes(simulation, "postgres_clock", None)
    simulation.truth.clock_jumps.append(simulation.world.now)
    simulation.db.offset_ms += simulation.world.random.choice((-30_000, 30_000, HOUR_MS))


def journal_lost(simulation: Simulation) -> None:
    """A region's journal is gone, together with its treasury."""
    treasury = any_treasury(simulation, "journal_lost")
    treasury.disk.data = None
    kill_now(treasury, treasury.life)


def journal_torn(simulation: Simulation) -> None:
    """Its last line is half written; the treasury ends."""
    treasury = any_treasury(simulation, "journal_torn")
    if treasury.is_alive:
        treasury.tear_journal()


def second_treasury(simulation: Simulation) -> None:
    """Two for a region, over the same mail and the same rows."""
    region = simulation.world.random.choice(simulation.boxes).region
    strikes(simulation, "second_treasury", region, 60_000)
    simulation.add_treasury(region)


def budget_cut(simulation: Simulation) -> None:
    strikes(simulation, "budget_cut", None)
    simulation.people.edit("cut")


def budget_raised(simulation: Simulation) -> None:
    strikes(simulation, "budget_raised", None)
    simulation.people.edit("raise")


def total_cut(simulation: Simulation) -> None:
    strikes(simulation, "total_cut", None)
    simulation.people.edit("total")


def campaign_paused(simulation: Simulation) -> None:
    strikes(simulation, "campaign_paused", None)
    simulation.people.edit("pause")


def notices_late(simulation: Simulation) -> None:
    strikes(simulation, "notices_late", None)
    simulation.pays_on_notice.notices_late += 8


def notices_doubled(simulation: Simulation) -> None:
    strikes(simulation, "notices_doubled", None)
    simulation.pays_on_notice.notices_doubled = 12


def notices_forged(simulation: Simulation) -> None:
    strikes(simulation, "notices_forged", None)
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
