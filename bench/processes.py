"""The processes of a bench: started in order, pinned, asked whether they are ready, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from bench import machine
from rtbplatform.local.folders import tail
from rtbplatform.local.process import WRAPPER

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class BenchError(Exception):
    """Ends the bench with a sentence."""


class Processes:
    """Children by name; leaving the context ends them all, last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in reversed(self._children.values()):
            child.terminate()
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def start(
        self,
        name: str,
        argv: list[str],
        env: Mapping[str, str],
        cores: set[int],
        stdin: bytes = b"",
    ) -> int:
        """A Python module with its arguments. Its pid; it dies with us."""
        wrapper = (sys.executable, "-I", "-S", WRAPPER, str(os.getpid()), str(int(signal.SIGTERM)))
        with (self._logs / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [*wrapper, "plain", "--", sys.executable, "-m", *argv],
                env={**os.environ, **env},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._children[name] = child
        machine.pin(child.pid, cores)
        assert child.stdin is not None
        child.stdin.write(stdin)
        child.stdin.close()
        return child.pid

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def check_all_live(self) -> None:
        """Raises BenchError with the end of the log of one that has died."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise BenchError(f"{name} has died:\n\n{tail(self._logs / f'{name}.log')}")

    def wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        """Raises BenchError with the end of its log when it dies or is not ready in time."""
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not ready():
            if self._children[name].poll() is not None or time.monotonic() > deadline_s:
                log = tail(self._logs / f"{name}.log")
                raise BenchError(f"{name} did not get ready. The end of its log:\n\n{log}")
            time.sleep(0.05)


def accepts(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers_ok(url: str) -> bool:
    """Whether a GET gets 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
