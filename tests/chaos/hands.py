"""What a chaos run does to processes: kills, stops and continues them, takes their disk away."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.platform import NotAcceptedError, Platform, wait_until

BACK_WITHIN_S = 60.0
FULL_SLACK_BYTES = 65_536
SMALLEST_LIMIT_BYTES = 8192
DEAD_WITHIN_S = 4.0


class Hands:
    """On one platform. A process's whole session gets the signal: gunicorn, Celery and Postgres have children."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.supervisor = threading.Lock()
        """Held by whoever has the supervisor stand still."""
        self._stopped: set[int] = set()
        self._lock = threading.Lock()
        self._pause = threading.Event()
        self.lost_outboxes: list[str] = []
        """Incarnations whose disk was destroyed."""

    def wait(self, seconds: float) -> None:
        self._pause.wait(seconds)

    def pid(self, name: str) -> int:
        """Of a running process; waits while it is being started again."""
        wait_until(
            lambda: self._runs(self.platform.pid(name)), within_s=BACK_WITHIN_S, what=f"{name} runs"
        )
        return self.platform.pid(name)

    def kill(self, name: str) -> None:
        """SIGKILL, then waits until another one runs in its place."""
        pid = self.pid(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._replaced(name, pid)

    def _replaced(self, name: str, pid: int) -> None:
        wait_until(
            lambda: self.platform.pid(name) not in {0, pid} and self._runs(self.platform.pid(name)),
            within_s=BACK_WITHIN_S,
            what=f"{name} started again",
        )

    def stop(self, name: str, seconds: float) -> None:
        """SIGSTOP for so long; it never dies of it."""
        pid = self.pid(name)
        if not self._signal(pid, signal.SIGSTOP):
            return
        try:
            self.wait(seconds)
        finally:
            self._signal(pid, signal.SIGCONT)

    def _signal(self, pid: int, number: int) -> bool:
        with self._lock:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                return False
            (self._stopped.add if number == signal.SIGSTOP else self._stopped.discard)(pid)
            return True

    def let_go(self) -> None:
        """Continues whatever still stands still, the supervisor too: for the end of a run, however it comes."""
        for pid in [*self._stopped, self.platform.pid("supervisor")]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def nobody_restarts(self) -> Iterator[None]:
        """The supervisor stands still meanwhile: what dies stays dead."""
        pid = self.platform.pid("supervisor")
        with self.supervisor:
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(pid, signal.SIGCONT)

    def fill_disk(self, name: str) -> None:
        """A banker's writes fail from here on, as on a full disk: it must end, and its successor has room again."""
        pid = self.pid(name)
        folder = self.outboxes(name)
        sizes = [path.stat().st_size for path in folder.glob("*.sqlite*")]
        for limit in (max(sizes, default=0) + FULL_SLACK_BYTES, SMALLEST_LIMIT_BYTES):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))
            with contextlib.suppress(NotAcceptedError):
                wait_until(lambda: not self._runs(pid), within_s=DEAD_WITHIN_S, what="it ended")
                break
        self._replaced(name, pid)

    def delete_outbox(self, name: str) -> None:
        """kill -9 of a banker, and the file of the life that it led is gone before the next one starts."""
        pid = self.pid(name)
        with self.nobody_restarts():
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not self._runs(pid), within_s=10, what=f"{name} dead")
            newest = max(self.outboxes(name).glob("*.sqlite"), key=_activity)
            for path in newest.parent.glob(f"{newest.stem}.*"):
                path.unlink()
            self.lost_outboxes.append(newest.stem)
        self._replaced(name, pid)

    def outboxes(self, banker: str) -> Path:
        return self.platform.var / "outbox" / banker.removeprefix("banker-")

    @staticmethod
    def _runs(pid: int) -> bool:
        """A zombie does not."""
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return pid > 0 and state != "Z"


def _activity(path: Path) -> float:
    """When a database was last written to: commits touch its log, not the file."""
    log = path.with_name(path.name + "-wal")
    return max(one.stat().st_mtime for one in (path, log) if one.exists())
