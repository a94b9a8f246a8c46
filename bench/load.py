"""``python -m bench.load URL --rate 200 --seconds 50``: the load generator from the command line."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

import msgspec

from bench import bodies, record
from bench.answers import spent_by_campaign
from bench.figures import Answer, show
from bench.generator import run_open_loop
from bench.http_client import Target
from rtbplatform.kernel.money import format_micros


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "url", help="of the bidder endpoint, as http://127.0.0.1:8080/openrtb2/demo"
    )
    parser.add_argument("--key", default="", help="the exchange's key")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=64, help="opened before the start")
    parser.add_argument("--window", type=float, default=5.0, help="seconds per window of latency")
    parser.add_argument("--seed", default="1", help="of the requests")
    parser.add_argument("--tag", default="", help="start of all request ids; random by default")
    parser.add_argument("--out", type=Path, help="write every answer to this JSON Lines file")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    return parser.parse_args()


def main() -> int:
    """0 when every request was answered."""
    asked = arguments()
    answers: list[Answer] = []
    summary = run_open_loop(
        Target.of(asked.url, {"X-Exchange-Key": asked.key, "X-OpenRTB-Version": "2.6"}),
        bodies.stocked(asked.seed, asked.tag or secrets.token_hex(4)),
        asked.rate,
        asked.seconds,
        connections=asked.connections,
        window_s=asked.window,
        observer=answers.append if asked.out else None,
    )
    if asked.json:
        sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
    else:
        print(show(summary))
    if asked.out:
        record.write(asked.out, answers)
        if not asked.json:
            for campaign, micros in sorted(spent_by_campaign(answers).items()):
                print(f"campaign  {campaign}: {format_micros(micros)}")
    return 0 if all(status > 0 for status in summary.statuses) else 1


if __name__ == "__main__":
    sys.exit(main())
