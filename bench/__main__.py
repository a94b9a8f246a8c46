"""``python -m bench [--seconds 15] [--dsps 5]``: measures on throw-away servers; see bench/run.py and docs/testing.md."""

from __future__ import annotations

import argparse
import os
import sys

import msgspec

from bench.processes import BenchError
from bench.run import RESULTS, Report, measure

BUSY = " - the machine is doing other things: these figures are too bad"
INSIDE = "RTB_BENCH_INSIDE"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    seconds = float(os.environ.get("SECONDS", "15"))
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="of the final measurement (or SECONDS=)"
    )
    parser.add_argument("--dsps", type=int, default=5)
    parser.add_argument("--instant", action="store_true", help="DSPs that answer at once")
    parser.add_argument("--rate-max", type=float, default=20_000.0)
    return parser.parse_args()


def table(report: Report) -> str:
    """The figures for people."""
    final, described = report.final, report.machine
    latency, late = final.summary.latency, final.summary.late
    bidder_us = final.us_per_auction("bidder")
    rows = [
        ("CPU of the bidder", f"{bidder_us:.0f} us an auction"),
        ("CPU of the banker", f"{final.us_per_auction('banker'):.0f} us an auction"),
        ("floor: a constant answer", f"{report.floor_us:.1f} us"),
        ("highest good rate", _best(report)),
        ("its core was busy", f"{final.busy('bidder'):.0%} (full: about {1e6 / bidder_us:.0f}/s)"),
        ("latency", f"p50 {latency.p50:.1f}  p99 {latency.p99:.1f}  p99.9 {latency.p999:.1f} ms"),
        ("in time (100 ms)", f"{final.success:.3%}, answered with a bid {final.bid_share:.1%}"),
        ("generator late", f"p50 {late.p50:.1f}  p99 {late.p99:.1f}  max {late.max:.1f} ms"),
        ("busy beside it", _others(report)),
        (
            "DSPs",
            f"{report.dsps}, {'instant' if report.instant_dsps else 'median 12 ms, 1 % at 100 ms'}",
        ),
        ("machine", f"{described.cpu}, {described.cores} cores, Python {described.python}"),
        ("load before", f"{described.load_1min:.1f}{BUSY if described.load_1min > 1 else ''}"),
    ]
    return "\n".join(f"  {name:26}{value}" for name, value in rows)


def _best(report: Report) -> str:
    if not report.best_rate:
        return f"none; figures are of {report.final.rate:.0f}/s"
    return f"{report.best_rate:.0f} auctions/s on one bidder core"


def _others(report: Report) -> str:
    names = [name for name in report.final.cpu_us if name != "bidder"]
    return "  ".join(f"{name} {report.final.busy(name):.0%}" for name in names)


def main() -> int:
    """0 when figures were made."""
    if INSIDE not in os.environ:
        inside = [sys.executable, "-m", "rtbplatform.local", "with-servers", "--"]
        os.environ[INSIDE] = "1"
        os.execv(sys.executable, [*inside, sys.executable, "-m", "bench", *sys.argv[1:]])
    asked = arguments()
    try:
        report = measure(asked.seconds, asked.dsps, instant=asked.instant, rate_max=asked.rate_max)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{report.at.replace(':', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    print(f"\n{table(report)}\n\n  written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
