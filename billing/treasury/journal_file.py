"""The region's journal as a file, on a disk that is not Postgres's: appended, synced, compacted at the start."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import structlog

from billing.escrow.journal import Journal
from rtbplatform.kernel.environment import SettingsError

log = structlog.get_logger(__name__)


def open_journal(path: str) -> JournalFile:
    """The file that TREASURY_JOURNAL names. Raises SettingsError, which says what to change, when it cannot be used."""
    try:
        return JournalFile(Path(path))
    except OSError as error:
        raise SettingsError(
            f"TREASURY_JOURNAL must be a file that the treasury can make and write (it is {path!r}: {error.strerror}):"
            " name one in a folder that its user may write to, on a disk that is not Postgres's"
        ) from error


class JournalFile:
    """Several treasuries of a region may share it: each appends whole lines, and the first one alone compacts."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path = path
        self._one_at_a_time = threading.Lock()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_suffix(".lock").open("ab")
        alone = self._is_alone()
        data = path.read_bytes() if path.exists() else None
        self.journal = Journal(self._append, data, path.read_bytes)
        if self.journal.damage:
            self._put_aside()
        elif alone and data is not None:
            self._replace(self.journal.compacted(time.time_ns() // 1_000_000))
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        os.fsync(self._file)
        self._sync_folder()

    def close(self) -> None:
        os.close(self._file)
        self._lock.close()

    def _is_alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            return False
        return True

    def _append(self, line: bytes) -> None:
        with self._one_at_a_time:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                self._cut_torn()
                if os.write(self._file, line) != len(line):
                    raise OSError(f"the journal {self._path} took only a part of a line")
                os.fsync(self._file)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _cut_torn(self) -> None:
        """What an append that failed left behind."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.ftruncate(self._file, os.pread(self._file, size, 0).rfind(b"\n") + 1)

    def _replace(self, data: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._sync_folder()

    def _put_aside(self) -> None:
        """A damaged journal is kept for a person; a new one begins, and is not whole."""
        aside = self._path.with_suffix(f".damaged-{time.time_ns()}")
        self._path.replace(aside)
        log.error("journal damaged", kept=str(aside), damage=self.journal.damage)

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
