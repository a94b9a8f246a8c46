"""The checkout's private folder `var/`: what lies where, files written whole or not at all, and one run at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import IO, Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
SOCKET_PATH_BYTES_MAX = 100
LOG_BYTES_MAX = 20 * 1024 * 1024


class LocalError(Exception):
    """Ends the run; the message is a sentence that says what to do."""


class Folders(msgspec.Struct, frozen=True):
    """Everything a run writes is under `var`, but for unix sockets where that path is too long."""

    var: Path

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def ready_file(self) -> Path:
        return self.var / "ready.json"

    @property
    def demo_file(self) -> Path:
        return self.var / "demo.json"

    @property
    def state_file(self) -> Path:
        return self.var / "servers.json"

    @property
    def environment_file(self) -> Path:
        """What `manage.py` needs to reach the running platform."""
        return self.var / "environment.json"

    @property
    def children_file(self) -> Path:
        return self.var / "children.json"

    @classmethod
    def default(cls) -> Folders:
        """VAR_DIR, else `var` in the checkout."""
        return cls(var=Path(os.environ.get("VAR_DIR") or ROOT / "var").absolute())

    def outbox(self, region: str) -> Path:
        return self.var / "outbox" / region

    def create(self) -> None:
        """Makes the folders. `var` stays readable, as Postgres may run as another user; secrets have mode 0600."""
        for folder in (self.var, self.logs):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LocalError(
                    f"{folder} cannot be made ({error.strerror}): set VAR_DIR."
                ) from error

    def sockets(self) -> Path:
        """A private folder whose path is short enough for unix sockets (107 bytes on Linux)."""
        folder = self.var / "run"
        if len(os.fsencode(folder)) > SOCKET_PATH_BYTES_MAX - 40:
            digest = hashlib.sha256(os.fsencode(self.var.resolve())).hexdigest()[:12]
            folder = Path(tempfile.gettempdir()) / f"rtb-{os.getuid()}-{digest}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
            raise LocalError(f"{folder} belongs to somebody else or is open to others: remove it.")
        return folder


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replaces a file in one step: readers see the old or the new one, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def write_json(path: Path, value: Any) -> None:
    """`write_whole` of indented JSON, mode 0600."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def kept_random(path: Path, size_bytes: int = 32) -> str:
    """A random hex string made once and kept in a file of mode 0600."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        write_whole(path, secrets.token_hex(size_bytes).encode())
        return path.read_text(encoding="ascii").strip()


def rotate_log(path: Path) -> None:
    """Before a start: a log above 20 MB becomes `.1`, the one before it is dropped."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(path.name + ".1"))


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 32_768))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def lock(path: Path) -> IO[str]:
    """Held as long as the file stays open. Raises LocalError when another run holds it."""
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise LocalError(
            f"This checkout is already running (process {owner}): stop it first with Ctrl-C or `kill {owner}`."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
