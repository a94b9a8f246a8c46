"""Chaos with real processes: ``python -m tests.chaos --minutes 20 [--seed S]`` (`make chaos MINUTES=20`).

Three regions under load, a seeded schedule of faults for half of the time, and then the verdict of an observer who only
believes what it saw on the wire. docs/testing.md explains every line. Ends with 0 when all that is promised held.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.acceptance.platform import NotAcceptedError, Platform, started, tell
from tests.chaos.run import Options, run

DAY_SECONDS, SHORT_DAY_SECONDS = 300, 60
SHORT_MINUTES = 10.0
"""Runs below this have days of a minute, so that a day ends while things are broken."""


def options(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--every", type=float, default=5.0, help="seconds between faults")
    parser.add_argument("--only", default="", help="kinds of faults, comma-separated; empty = all")
    parser.add_argument("--without", default="", help="kinds of faults to leave out")
    parser.add_argument("--one-mode", action="store_true", help="both exchanges at_auction")
    parser.add_argument("--keep", type=Path, help="folder of the run, kept afterwards")
    asked = parser.parse_args(argv)
    short = asked.minutes < SHORT_MINUTES
    return Options(
        seed=asked.seed,
        minutes=asked.minutes,
        day_seconds=SHORT_DAY_SECONDS if short else DAY_SECONDS,
        every_s=asked.every,
        short=short,
        both_modes=not asked.one_mode,
        only=tuple(filter(None, asked.only.split(","))),
        without=tuple(filter(None, asked.without.split(","))),
        keep=asked.keep,
    )


def chaos(asked: Options) -> bool:
    """Whether everything held."""
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="rtb-chaos-"))
    settings = {
        "REGIONS": "3",
        "BIDDERS": "2",
        "PROTOCOL_TIME_DIVISOR": "10",
        "BUDGET_DAY_SECONDS": str(asked.day_seconds),
        "TRAFFIC": "0",
    }
    try:
        with started(folder, **settings) as platform:
            return run(Platform(platform.var), asked)
    finally:
        if asked.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    asked = options(sys.argv[1:])
    # What stands still must go on, and the platform must end, also when a run is cut short.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    start_s = time.monotonic()
    tell(f"chaos     {asked.minutes:g} minutes, SEED={asked.seed}, process {os.getpid()}")
    try:
        held = chaos(asked)
    except (NotAcceptedError, msgspec.MsgspecError) as finding:
        tell(f"FAIL  {finding}")
        held = False
    tell(f"{'PASS' if held else 'FAIL'}  in {time.monotonic() - start_s:.0f} s, SEED={asked.seed}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
