"""One child process: what it is (`Spec`, a value) and its life (`Child`), from its start to the end of its whole group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from msgspec import Struct

from rtbplatform.local.folders import ROOT

WRAPPER = str(Path(__file__).with_name("child.py"))


class Spec(Struct, frozen=True, kw_only=True):
    """A process of a plan."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: dict[str, str] = {}
    stop_rank: int = 0
    """Lower ranks are stopped first, and gone before the next rank is told."""
    stop_signal: int = signal.SIGTERM
    grace_s: float = 10.0
    identity: str = "plain"
    """`plain`, `uid:N` or `userns`: see child.py."""
    listen_fd: int | None = None
    """A listening socket handed down, under the same number, as LISTEN_FD."""
    cwd: Path = ROOT
    essential: bool = True
    delay_max_s: float = 5.0


class Child:
    """A started process. It leads its own session; what is left of its group dies with it."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.started_s = time.monotonic()
        self._popen = _spawn(spec)
        self.pid = self._popen.pid
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A pidfd tells of the death without reaping: until `wait`, the zombie keeps the group's number ours.
        self._pidfd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_death)

    def _on_death(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.signal_group(signal.SIGKILL)
        self._done.set_result(self._popen.wait())

    @property
    def alive(self) -> bool:
        return not self._done.done()

    async def wait(self) -> int:
        """The exit code; negative = killed by that signal."""
        return await asyncio.shield(self._done)

    def signal_group(self, number: int) -> None:
        """Signals the process and everything it started in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def stop(self) -> None:
        """Asks, waits for the grace period, then kills."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self.spec.stop_signal)
            try:
                await asyncio.wait_for(self.wait(), self.spec.grace_s)
            except TimeoutError:
                self.signal_group(signal.SIGKILL)
        await self.wait()


def _spawn(spec: Spec) -> subprocess.Popen[bytes]:
    environ = {**os.environ, **spec.env}
    pass_fds: tuple[int, ...] = ()
    if spec.listen_fd is not None:
        environ["LISTEN_FD"] = str(spec.listen_fd)
        pass_fds = (spec.listen_fd,)
    death = str(int(spec.stop_signal))
    wrapper = (sys.executable, "-I", "-S", WRAPPER, str(os.getpid()), death, spec.identity, "--")
    with spec.log.open("ab") as log:
        return subprocess.Popen(
            (*wrapper, *spec.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=spec.cwd,
            pass_fds=pass_fds,
            start_new_session=True,
        )
