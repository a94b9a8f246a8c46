"""`python -m tests.simulation --seeds 1-500 [--fault NAME ...] [--bug NAME] [--jobs 2] [--trace SEED]`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.simulation import runner


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1-200")
    parser.add_argument("--fault", nargs="*", default=[])
    parser.add_argument("--bug", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--trace", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    result, took_s = runner.run(seeds, arguments.fault, arguments.bug, arguments.jobs)
    print(f"{result.seeds} seeds, {result.steps} steps, {result.seeds / took_s:.1f} seeds/s")
    print(f"{len(result.failures)} failures", Counter(one.invariant for one in result.failures))
    for failure in result.failures[:12]:
        print(failure.seed, failure.text[:300])
    if result.failures and arguments.trace:
        failure = result.failures[0]
        plan = runner.shrink(failure, arguments.bug)
        print(plan)
        print("\n".join(runner.trace(failure, plan, arguments.bug)[-60:]))
    return bool(result.failures)


if __name__ == "__main__":
    sys.exit(main())
