"""``python -m tests.simulation``: seeds, planted bugs, and the trace of one seed. See docs/simulation.md."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.simulation import bugs, runner
from tests.simulation.coverage import CELL_MIN, STEPS
from tests.simulation.faults import FAULTS

BUG_SEEDS_MAX = 500
FAILURES_SHOWN = 20
TRACE_LINES = 80


def main() -> int:
    """0 when no invariant broke (or every planted bug was found)."""
    arguments = _arguments()
    if arguments.bugs:
        return _run_bugs(arguments.jobs)
    if arguments.trace:
        return _trace(arguments.trace, arguments.fault, arguments.bug)
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    result, took_s = runner.run(
        seeds, arguments.fault, arguments.bug, arguments.jobs, arguments.steps
    )
    _say(
        f"{result.seeds} seeds, {result.steps} steps in {took_s:.0f} s: "
        f"{result.seeds / took_s:.1f} seeds/s, {result.steps / took_s:.0f} steps/s, "
        f"{result.steps // max(1, result.seeds)} steps a seed"
    )
    _show_coverage(result)
    for failure in result.failures[:FAILURES_SHOWN]:
        _say(f"seed {failure.seed}: {failure.text[:300]}")
    _say(
        f"{len(result.failures)} seeds failed {dict(Counter(f.invariant for f in result.failures))}"
    )
    if result.failures:
        _show_trace(result.failures[0], arguments.bug)
    return bool(result.failures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="1-200", help="A-B")
    parser.add_argument("--fault", nargs="*", default=[], choices=sorted(FAULTS), metavar="NAME")
    parser.add_argument("--bug", default="", choices=["", *bugs.BUGS], metavar="NAME")
    parser.add_argument("--bugs", action="store_true", help="each planted bug, until it is found")
    parser.add_argument("--steps", type=int, default=0, help="end each seed's traffic there")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--trace", type=int, metavar="SEED", help="shrink it and show its events")
    return parser.parse_args()


def _run_bugs(jobs: int) -> int:
    missed = 0
    _say(f"{'bug':34} {'found at seed':>13}  by         what it breaks")
    for name, failure in runner.run_bugs(list(bugs.BUGS), BUG_SEEDS_MAX, jobs):
        missed += failure is None
        seed, invariant = (failure.seed, failure.invariant) if failure else ("NOT FOUND", "")
        _say(f"{name:34} {seed:>13}  {invariant:10} {bugs.BUGS[name].breaks}")
    return bool(missed)


def _trace(seed: int, kinds: list[str], bug: str) -> int:
    result = runner.run_batch([seed], kinds, bug)
    if not result.failures:
        _say("this seed breaks nothing")
        return 0
    _show_trace(result.failures[0], bug)
    return 1


def _show_trace(failure: runner.Failure, bug: str) -> None:
    plan = runner.shrink(failure, bug)
    _say(f"\nseed {failure.seed} breaks {failure.invariant} with these faults: {plan}")
    for line in runner.trace(failure, plan, bug)[-TRACE_LINES:]:
        _say(line[:300])


def _show_coverage(result: runner.Result) -> None:
    """How often a protocol step ran under a fault; see `coverage`."""
    cells = result.coverage.cells
    if not cells:
        return
    _say("\n" + " " * 22 + " ".join(f"{step[:7]:>7}" for step in STEPS))
    for fault in sorted(result.coverage.faults):
        row = " ".join(f"{cells[fault, step]:>7}" for step in STEPS)
        _say(f"{fault:22}{row}")
    thin = [
        (fault, step)
        for fault in result.coverage.faults
        for step in STEPS
        if cells[fault, step] < CELL_MIN
    ]
    _say(f"cells below {CELL_MIN}: {len(thin)} {sorted(thin)[:12] if thin else ''}\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
