"""What `make run` tells the terminal: a line each, and never an error because the terminal has gone."""

from __future__ import annotations

import contextlib
import sys
import time

_started = time.monotonic()


def say(message: str) -> None:
    """Prints one line with the seconds since the start in front."""
    with contextlib.suppress(OSError, ValueError):
        print(f"[{time.monotonic() - _started:6.1f} s] {message}", flush=True)


def say_plain(message: str) -> None:
    """Prints lines as they are."""
    with contextlib.suppress(OSError, ValueError):
        print(message, flush=True)


def complain(message: str) -> None:
    """Prints to standard error."""
    with contextlib.suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)
