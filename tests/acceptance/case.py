"""Runs one acceptance test from the command line: against a running platform, or one started for it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rtbplatform.local.folders import ROOT
from tests.acceptance.platform import NotAcceptedError, Platform, started, tell

Check = Callable[..., None]
"""check(platform, short=...)"""


def arguments(argv: list[str], doc: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="of the running platform")
    parser.add_argument("--start", action="store_true", help="start a platform for this test")
    parser.add_argument("--short", action="store_true", help="the form that make test runs")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="with --start")
    return parser.parse_args(argv)


def main(check: Check, doc: str | None, **settings: str) -> int:
    """0 = accepted. `settings` are of a platform started for it, unless the command line says others."""
    asked = arguments(sys.argv[1:], doc or "")
    settings |= dict(pair.split("=", 1) for pair in asked.settings)
    start_s = time.monotonic()
    try:
        if asked.start:
            with (
                tempfile.TemporaryDirectory(
                    prefix="rtb-accept-", ignore_cleanup_errors=True
                ) as folder,
                started(Path(folder), **settings) as platform,
            ):
                check(platform, short=asked.short)
        else:
            check(Platform(asked.var), short=asked.short)
    except NotAcceptedError as finding:
        tell(f"FAIL  {finding}")
        return 1
    tell(f"PASS  in {time.monotonic() - start_s:.0f} s")
    return 0
