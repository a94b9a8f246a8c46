"""`make bench`: what one auction costs in CPU time, how many one bidder core serves, and how long they take.

One bidder on a core of its own; generator, stub DSPs, banker, Redis and the stand-in treasury on the others. Figures of
shared machines drift by a third from run to run: trust ratios, such as that to the floor measured in the same run.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import redis

from bench import machine, market, search
from bench.figures import Summary
from bench.processes import BenchError, Processes, accepts, answers_ok
from bench.search import Probe
from rtbplatform.local import ports

RESULTS = Path(__file__).parent / "results"
PROBE_S, FLOOR_S, FIRST_RATE = 4.0, 3.0, 500.0
FLOOR_RATE = 4000.0


class Bench:
    """Everything that runs, and how to ask it for figures."""

    def __init__(
        self, processes: Processes, bidder_url: str, stub_url: str, redis_pid: int
    ) -> None:
        self._processes = processes
        self.bidder_url, self.stub_url = bidder_url, stub_url
        self._redis_pid = redis_pid
        self._names = ("bidder", "banker", "stubs", "mint")

    def _cpu_us(self) -> dict[str, float]:
        own = {name: machine.cpu_us(self._processes.pid(name)) for name in self._names}
        return {**own, "redis": machine.cpu_us(self._redis_pid)}

    def probe(self, rate: float, seconds: float = PROBE_S, url: str = "") -> Probe:
        """One run of the generator in a process of its own, on the cores that are not the bidder's."""
        self._processes.check_all_live()
        before = self._cpu_us()
        summary, generator_us = _generate(url or self.bidder_url, rate, seconds)
        used = {name: after - before[name] for name, after in self._cpu_us().items()}
        return Probe(rate, summary, {**used, "generator": generator_us})


def _cores() -> tuple[set[int], set[int]]:
    """The bidder's, and the others'."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, set(available[1:]) or {available[0]}


def _generate(url: str, rate: float, seconds: float) -> tuple[Summary, float]:
    """Figures, and the CPU microseconds that making them took."""
    argv = [
        *(sys.executable, "-m", "bench.load", url, "--key", market.EXCHANGE_KEY, "--json"),
        *("--rate", str(rate), "--seconds", str(seconds), "--window", "5"),
        *("--connections", str(int(min(2000, 50 + rate / 10)))),
    ]
    before = os.times()
    done = subprocess.run(argv, capture_output=True, check=False, timeout=seconds + 60)
    after = os.times()
    if not done.stdout:
        raise BenchError(f"the generator failed:\n{done.stderr.decode()[-2000:]}")
    spent_s = after.children_user + after.children_system
    spent_s -= before.children_user + before.children_system
    return msgspec.json.decode(done.stdout, type=Summary), spent_s * 1e6


@contextlib.contextmanager
def running(dsps: int, *, instant: bool) -> Iterator[Bench]:
    """Starts it all. Raises BenchError. REDIS_URL is in the environment."""
    bidder_cores, other_cores = _cores()
    machine.pin(os.getpid(), other_cores)
    secret = secrets.token_hex(32)
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    redis_pid = int(store.info("server")["process_id"])
    machine.pin(redis_pid, other_cores)
    stub_port, bidder_port = ports.choose(), ports.choose()
    with (
        tempfile.TemporaryDirectory(prefix="rtb-bench-") as folder,
        Processes(RESULTS / "log") as processes,
    ):
        env = _environment(secret, Path(folder), bidder_port)
        stubs = msgspec.json.encode(market.behaviours(dsps, instant=instant))
        processes.start("stubs", ["bench.dsp_stub", str(stub_port)], env, other_cores, stubs)
        processes.wait_for("stubs", lambda: accepts(stub_port))
        now_ms = time.time_ns() // 1_000_000
        market.publish(store, secret, market.market(dsps, stub_port, now_ms))
        processes.start("mint", ["bench.mint"], env, other_cores)
        processes.start("banker", ["bidder.banker"], env, other_cores)
        processes.wait_for("banker", Path(env["BANKER_SOCKET"]).is_socket)
        processes.start("bidder", ["bidder"], env, bidder_cores)
        base = f"http://127.0.0.1:{bidder_port}"
        processes.wait_for("bidder", lambda: answers_ok(f"{base}/readyz"))
        yield Bench(
            processes,
            f"{base}/openrtb2/{market.EXCHANGE}",
            f"http://127.0.0.1:{stub_port}",
            redis_pid,
        )


def _environment(secret: str, folder: Path, bidder_port: int) -> dict[str, str]:
    (folder / "outbox").mkdir()
    return {
        "RTB_SECRET": secret,
        "BANKER_SOCKET": str(folder / "banker.sock"),
        "OUTBOX_DIR": str(folder / "outbox"),
        "MACHINE_ID": "bench-machine",
        "BIDDER_PORT": str(bidder_port),
        "BIDDER_PUBLIC_URL": f"http://127.0.0.1:{bidder_port}",
        "LOG_LEVEL": "WARNING",
    }


class Report(msgspec.Struct):
    """What `make bench` found."""

    at: str
    machine: machine.Machine
    dsps: int
    instant_dsps: bool
    floor_us: float
    """CPU of a constant answer from a bare protocol, per request: the least that any Python server here costs."""
    best_rate: float
    """The highest rate found good; 0 = not even the first was."""
    final: Probe


def measure(seconds: float, dsps: int, *, instant: bool, rate_max: float) -> Report:
    """The whole bench. Raises BenchError."""
    described = machine.describe()
    with running(dsps, instant=instant) as bench:
        floor = bench.probe(FLOOR_RATE, FLOOR_S, f"{bench.stub_url}/floor")
        print(f"floor {floor.us_per_auction('stubs'):.1f} us a request (constant answer)")
        bench.probe(FIRST_RATE)  # leases arrive, connections open, code warms up
        best = search.highest(bench.probe, first=FIRST_RATE, rate_max=rate_max, tell=print)
        if not best:
            print(f"not even {FIRST_RATE:.0f}/s are served well; measured there all the same")
        final = bench.probe(best or FIRST_RATE, seconds)
    return Report(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=described,
        dsps=dsps,
        instant_dsps=instant,
        floor_us=round(floor.us_per_auction("stubs"), 2),
        best_rate=best,
        final=final,
    )
