"""kill -9 of bidders and of the banker under load: nothing seen is lost, nothing is settled twice, no lease stays open."""

import sys
import threading
import time

import pytest

from tests.acceptance import case, truth
from tests.acceptance.comparison import Kill, compare
from tests.acceptance.observer import Observer
from tests.acceptance.platform import Platform, tell, wait_until

LEASES_CLOSED_WITHIN_S = 90.0


def check(platform: Platform, *, short: bool = False) -> None:
    """A bidder and the banker three times each at 200/s; short: once each at 100/s."""
    times, rate, every_s = (1, 100, 4) if short else (3, 200, 7)
    names = [*platform.names("bidder")[:1] * times, *platform.names("banker")[:1] * times]
    platform.require_quiet()
    with truth.connected(platform) as connection:
        wait_until(lambda: truth.at_rest(connection), within_s=30, what="the books at rest")
        before, since_ms = truth.books(connection), truth.now_ms()
        observer = Observer(platform)
        seconds = every_s * (len(names) + 1)
        load = observer.load_in_background(
            observer.source(rate * seconds), rate=rate, seconds=seconds
        )
        kills, killed = [], []
        for name in names:
            threading.Event().wait(every_s)
            if name.startswith("banker"):
                killed.append(truth.newest_incarnation(connection))
            kills.append(_kill(platform, name))
        last_s = time.monotonic()
        load.join()
        bids = observer.timeline()
        tell(f"answered with a bid, per second: {bids}")
        compare(connection, before, since_ms, observer.answers, kills)

        def closed() -> bool:
            return truth.open_leases(connection, killed) == 0

        left_s = max(1.0, LEASES_CLOSED_WITHIN_S - (time.monotonic() - last_s))
        wait_until(closed, within_s=left_s, what="leases of killed bankers closed")
        tell(
            f"leases    of killed bankers closed {time.monotonic() - last_s:.0f} s after the last kill"
        )
        platform.manage("check_invariants")
        tell("check_invariants: nothing found")


def _kill(platform: Platform, name: str) -> Kill:
    from_ms = truth.now_ms()
    took_s = platform.kill(name)
    kill = Kill(name, from_ms, from_ms + 50)
    tell(f"killed    {name}; running again after {took_s:.1f} s")
    return kill


@pytest.mark.slow
def test_killed_bidders_and_bankers_lose_and_double_nothing(platform: Platform) -> None:
    check(platform, short=True)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__, TRAFFIC="0", BIDDERS="2"))
