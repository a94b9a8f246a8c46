"""Redis killed and emptied, Postgres gone for 10 s, under load: bids from leases, then none, then all by itself again."""

import os
import signal
import sys
import threading

import pytest

from tests.acceptance import case, truth
from tests.acceptance.comparison import compare
from tests.acceptance.observer import Observer
from tests.acceptance.platform import NotAcceptedError, Platform, tell, wait_until

POSTGRES_GONE_S = 10.0
BACK_WITHIN_S = 45.0


def check(platform: Platform, *, short: bool = False) -> None:
    """At 200/s; short: at 100/s, Postgres gone for 3 s."""
    rate, gone_s = (100, 3.0) if short else (200, POSTGRES_GONE_S)
    seconds = 5 + 10 + gone_s + (10 if short else 35)
    platform.require_quiet()
    with truth.connected(platform) as connection:
        wait_until(lambda: truth.at_rest(connection), within_s=30, what="the books at rest")
        before, since_ms = truth.books(connection), truth.now_ms()
    observer = Observer(platform)
    load = observer.load_in_background(
        observer.source(int(rate * seconds)), rate=rate, seconds=seconds
    )
    pause = threading.Event()
    pause.wait(5)
    took_s = platform.kill(platform.names("redis")[0])
    redis_ms = truth.now_ms()
    tell(f"killed    redis, running again, empty, after {took_s:.1f} s")
    pause.wait(10)
    stopped_ms = truth.now_ms()
    stop_postgres(platform, gone_s)
    started_ms = truth.now_ms()
    tell(f"stopped   Postgres for {gone_s:.0f} s")
    load.join()
    tell(f"answered with a bid, per second: {observer.timeline()}")
    observer.check_all_answered()
    for what, from_ms, to_ms in (
        ("after Redis was emptied", redis_ms + 5000, stopped_ms),
        ("while Postgres was gone", stopped_ms, started_ms),
        ("after Postgres was back", started_ms, truth.now_ms()),
    ):
        share = observer.bid_share(from_ms, to_ms)
        tell(f"bids      {what}: {share:.0%}")
        if not share:
            raise NotAcceptedError(f"no bids {what}")
    with truth.connected(platform) as connection:
        compare(connection, before, since_ms, observer.answers, [])
    platform.manage("check_invariants")
    tell("check_invariants: nothing found")


def stop_postgres(platform: Platform, gone_s: float) -> None:
    """Ends the platform's Postgres at once, and holds the supervisor still so that nobody starts it meanwhile."""
    supervisor, postgres = platform.pid("supervisor"), platform.pid("postgres")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(postgres, signal.SIGQUIT)
        threading.Event().wait(gone_s)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_until(
        lambda: platform.pid("postgres") not in {0, postgres},
        within_s=BACK_WITHIN_S,
        what="Postgres started again",
    )


@pytest.mark.slow
def test_bidding_outlives_an_emptied_redis_and_a_stopped_postgres(platform: Platform) -> None:
    check(platform, short=True)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__, TRAFFIC="0", BIDDERS="2"))
