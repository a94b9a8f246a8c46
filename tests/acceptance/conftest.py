"""One platform for all acceptance tests of a test run, whichever pytest worker they are on.

The first test starts it, the last worker to end stops it. Each test has it for itself while it runs: a lock, not held
between tests, keeps two from loading it at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.platform import Platform, launch, wait_until


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _users(folder: Path) -> int:
    return len(list(folder.glob("user-*")))


@pytest.fixture(scope="session")
def shared_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Started by the first worker that needs it, on free ports."""
    base = tmp_path_factory.getbasetemp()
    on_worker = "PYTEST_XDIST_WORKER" in os.environ
    folder, guardian = (base.parent, os.getppid()) if on_worker else (base, os.getpid())
    mark = folder / f"user-{os.getpid()}"
    with _locked(folder / "platform.lock"):
        where = folder / "platform.var"
        if not _users(folder):
            # Not below pytest's folder: nobody else may enter that, and Postgres may run as another user.
            var = Path(tempfile.mkdtemp(prefix="rtb-accept-"))
            try:
                process = launch(var, guardian, TRAFFIC="0", BIDDERS="2")
            except BaseException:
                shutil.rmtree(var, ignore_errors=True)
                raise
            where.write_text(f"{var}\n{process.pid}")
        mark.touch()
    var_text, pid = where.read_text().splitlines()
    yield Platform(Path(var_text))
    with _locked(folder / "platform.lock"):
        mark.unlink()
        if not _users(folder):
            _end(int(pid))
            shutil.rmtree(var_text, ignore_errors=True)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not _runs(pid), within_s=60, what="the platform stopped")


def _runs(pid: int) -> bool:
    """Whether it runs; a zombie of another worker's does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def platform(shared_platform: Platform) -> Iterator[Platform]:
    """A platform that is well, and nobody else's for now."""
    with _locked(shared_platform.var / "one-test.lock"):
        wait_until(shared_platform.ready, within_s=60, what="the platform well")
        yield shared_platform
