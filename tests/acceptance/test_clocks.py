"""One machine's clock an hour ahead, another's an hour back: every micro that an exchange saw is in the books, once.

Needs libfaketime (Debian: apt install faketime), which gives single processes a wrong clock.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from tests.acceptance import case, truth
from tests.acceptance.observer import Observer
from tests.acceptance.platform import NotAcceptedError, Platform, tell
from tests.acceptance.test_the_sums_agree import check_books

RATE = 40
OFFSETS = {"r1": "+3600s", "r2": "-3600s"}


def library() -> Path | None:
    """libfaketime, where it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def wrong_clocks() -> dict[str, str]:
    """Settings of a platform of two regions: all processes of one machine ahead, all of the other behind.

    Raises NotAcceptedError without the library.
    """
    found = library()
    if found is None:
        raise NotAcceptedError("libfaketime is not installed: apt install faketime")
    environments = {
        f"{role}-{region}{number}": {
            "LD_PRELOAD": str(found),
            "FAKETIME": offset,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        for region, offset in OFFSETS.items()
        for role, number in (("treasury", ""), ("banker", ""), ("bidder", "-0"))
    }
    return {"REGIONS": "2", "TRAFFIC": "0", "PROCESS_ENV": json.dumps(environments)}


def check(platform: Platform, *, short: bool = False) -> None:
    """A minute of requests to both regions at once; short: ten seconds."""
    seconds = 10 if short else 60
    platform.require_quiet()
    with truth.connected(platform) as connection:
        before = truth.books(connection)
        observers = {region: Observer(platform, region) for region in OFFSETS}
        loads = [
            one.load_in_background(one.source(RATE * seconds), rate=RATE, seconds=seconds)
            for one in observers.values()
        ]
        for load in loads:
            load.join()
        seen: Counter[int] = Counter()
        for region, observer in observers.items():
            spent = {int(campaign): micros for campaign, micros in observer.spent().items()}
            tell(f"seen      {sum(spent.values())} micros in {region} ({OFFSETS[region]})")
            if not spent:
                raise NotAcceptedError(f"{region} sold nothing with its clock {OFFSETS[region]}")
            seen.update(spent)
        check_books(connection, before, dict(sorted(seen.items())))
        platform.manage("check_invariants")
        tell("check_invariants: nothing found")


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__, **wrong_clocks()))
