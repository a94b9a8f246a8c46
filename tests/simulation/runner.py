"""Runs seeds, counts, and shrinks one that fails to what it takes to fail."""

from __future__ import annotations

import contextlib
import gc
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random
from time import perf_counter
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from tests.simulation import bugs
from tests.simulation.coverage import Coverage
from tests.simulation.faults import FAULTS
from tests.simulation.simulation import DAY_SECONDS, DAYS, Simulation, deterministic
from tests.simulation.world import Violation

FAULTS_PER_SEED = 5
SEVERE = ("disk_lost", "outbox_deleted", "postgres_restored", "postgres_failed_over")
"""What makes steps that hardly anything else does: it strikes while another fault's effects last, in..."""
COMPANY = 0.5
"""...this share of seeds."""
BATCH = 50
T = TypeVar("T")
Plan = list[tuple[int, str]]


class Failure(Struct):
    """A seed that broke an invariant."""

    seed: int
    invariant: str
    text: str
    plan: Plan


class Result(Struct):
    """What seeds did."""

    seeds: int
    steps: int
    coverage: Coverage
    failures: list[Failure]

    def add(self, other: Result) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.coverage.add(other.coverage)
        self.failures += other.failures


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What production code logs about faults is expected here. Garbage waits for the end of a seed, and the search for it
    leaves out what was there before (Django and the rest: most of the heap)."""
    logged, configured = logging.root.manager.disable, structlog.get_config()
    logging.disable(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()
        logging.disable(logged)
        structlog.configure(**configured)


def plan_of(seed: int, kinds: Sequence[str] = ()) -> Plan:
    """Which faults strike when, in a seed: of all kinds, or of those named."""
    random = Random(f"faults of {seed}")
    names = list(kinds) or list(FAULTS)
    lasts_ms = DAYS * DAY_SECONDS * 1000
    plan = [
        (random.randrange(5_000, lasts_ms), random.choice(names)) for _ in range(FAULTS_PER_SEED)
    ]
    if not kinds and random.random() < COMPANY:
        plan[0] = (plan[1][0] + random.randrange(500, 12_000), random.choice(SEVERE))
    return sorted(plan)


def run_seed(
    seed: int, plan: Plan, *, steps: int = 0, tracing: bool = False
) -> tuple[Simulation, Violation | None]:
    """One world, to its end or to the first broken invariant."""
    simulation = Simulation(seed, plan, steps=steps, tracing=tracing)
    with deterministic(simulation):
        try:
            simulation.run()
        except Violation as violation:
            return simulation, violation
        except Exception as error:  # noqa: BLE001 - whatever production code raises is a finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} in {where.name}:{where.lineno}: {error}"
            return simulation, Violation("exception", text)
    return simulation, None


def run_batch(seeds: Iterable[int], kinds: Sequence[str], bug: str = "", steps: int = 0) -> Result:
    """Seeds in this process; with a bug, until it is found."""
    result = Result(0, 0, Coverage(), [])
    with quiet(), bugs.planted(bug):
        for seed in seeds:
            plan = plan_of(seed, kinds)
            simulation, violation = run_seed(seed, plan, steps=steps)
            gc.collect()
            result.seeds += 1
            result.steps += simulation.world.steps
            result.coverage.add(simulation.world.coverage)
            if violation is not None:
                result.failures.append(Failure(seed, violation.invariant, str(violation), plan))
                if bug:
                    break
    return result


def run(
    seeds: range, kinds: Sequence[str], bug: str, jobs: int, steps: int = 0
) -> tuple[Result, float]:
    """Seeds over processes; and how long it took, in seconds."""
    started = perf_counter()
    total = Result(0, 0, Coverage(), [])
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    for result in _spread(run_batch, [(batch, kinds, bug, steps) for batch in batches], jobs):
        total.add(result)
        if bug and total.failures:
            break
    return total, perf_counter() - started


def run_bugs(
    names: Sequence[str], seeds_max: int, jobs: int
) -> Iterator[tuple[str, Failure | None]]:
    """Each planted bug in turn, until a seed finds it."""
    found = _spread(find_bug, [(name, 1, seeds_max) for name in names], jobs)
    yield from zip(names, found, strict=True)


def find_bug(name: str, first: int, last: int) -> Failure | None:
    """The first of these seeds that breaks an invariant because of a planted bug."""
    result = run_batch(range(first, last + 1), bugs.BUGS[name].faults, name)
    return result.failures[0] if result.failures else None


def _spread(work: Callable[..., T], calls: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[T]:
    """Over processes, results in order."""
    if jobs == 1:
        for values in calls:
            yield work(*values)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in [pool.submit(work, *values) for values in calls]:
            yield future.result()
        pool.shutdown(cancel_futures=True)


def shrink(failure: Failure, bug: str = "") -> Plan:
    """The fewest faults with which the seed still breaks the same invariant."""
    plan = list(failure.plan)
    with quiet(), bugs.planted(bug):
        for fault in list(plan):
            smaller = [one for one in plan if one is not fault]
            _, violation = run_seed(failure.seed, smaller)
            if violation is not None and violation.invariant == failure.invariant:
                plan = smaller
    return plan


def trace(failure: Failure, plan: Plan, bug: str = "") -> list[str]:
    """What happened to what the violation is about, event by event."""
    with quiet(), bugs.planted(bug):
        simulation, violation = run_seed(failure.seed, plan, tracing=True)
    if violation is None:
        return ["it does not fail alone"]
    world = simulation.world
    lines = [
        f"{(at_ms - simulation.founded_ms) / 1000:9.3f} s  {who:14} {what:12} {_shown(about)}"
        for at_ms, who, what, about in world.traced
        if who in {"fault", "people", "Postgres", "stage"} or _concerns(about, violation.about)
    ]
    return [*lines, f"{(world.now - simulation.founded_ms) / 1000:9.3f} s  {violation}"]


def _concerns(about: Any, wanted: tuple[Any, ...]) -> bool:
    text = repr(about)
    return any(_text(one) in text for one in wanted)


def _text(one: Any) -> str:
    if isinstance(one, tuple) and len(one) == 3:
        return f"campaign={one[1]}, day={one[2]}"
    return repr(one)


def _shown(about: Any) -> str:
    return ", ".join(one.hex()[:8] if isinstance(one, bytes) else str(one) for one in about)[:400]
