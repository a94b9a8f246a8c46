"""The folder of outbox files: made whole, locked for life, told from copies, quarantined, thrown away.

`<incarnation>.sqlite` with `<incarnation>.lock` beside it; `quarantine/` holds what is not what it says it is. Those wait
for a person: a copy that is recovered would hand the same money back twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import IO

from bidder.banker.outbox import DAMAGE, Identity, Outbox, OutboxError, create_file, read_identity
from rtbplatform.kernel.ids import uuid_bytes, uuid_text

QUARANTINE = "quarantine"
log = logging.getLogger(__name__)


def file_system_id(path: Path) -> str:
    """The file system's own id where it has one (it survives a reboot), else the device's number."""
    fsid = os.statvfs(path).f_fsid
    return f"fs{fsid:x}" if fsid else f"dev{path.stat().st_dev:x}"


class Shelved:
    """An outbox of ours, open and locked."""

    def __init__(self, identity: Identity, outbox: Outbox, lock: IO[bytes]) -> None:
        self.identity = identity
        self.outbox = outbox
        self._lock = lock

    def release(self) -> None:
        self.outbox.close()
        self._lock.close()


class Shelf:
    """All outbox files of this machine's banker."""

    def __init__(self, folder: Path, machine: str) -> None:
        self._folder = folder
        self._machine = machine
        self.quarantined = 0
        """Files moved to quarantine by this process."""

    def prepare(self) -> None:
        """Makes the folders. Raises OSError."""
        (self._folder / QUARANTINE).mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, incarnation: bytes, region: str, pod: str, started_ms: int) -> Shelved:
        """A new, locked outbox. It has its name only once its identity is durable: a named file is never half made."""
        lock = self._lock_file(uuid_text(incarnation))
        if lock is None:
            raise OutboxError("a new incarnation's lock is held by somebody else")
        path = self._path(incarnation)
        unnamed = path.with_suffix(".new")
        unnamed.touch(mode=0o600)
        identity = Identity(
            incarnation,
            region,
            pod,
            self._machine,
            file_system_id(unnamed),
            unnamed.stat().st_ino,
            started_ms,
        )
        create_file(unnamed, identity)
        unnamed.rename(path)
        self._sync_folder()
        return Shelved(identity, Outbox(path), lock)

    def abandoned(self) -> list[bytes]:
        """Incarnations whose files lie here. Quarantines files with no such name."""
        found: list[bytes] = []
        for path in sorted(self._folder.glob("*.sqlite")):
            try:
                found.append(uuid_bytes(path.stem))
            except ValueError:
                self._quarantine(path, "its name is not that of an incarnation")
        return found

    def found(self) -> list[bytes]:
        """All incarnations whose outboxes lie here under their names, living ones included."""
        return self._incarnations(self._folder)

    def copies(self) -> list[bytes]:
        """Incarnations of which only a file in quarantine is here."""
        return sorted(
            set(self._incarnations(self._folder / QUARANTINE)) - set(self.found()),
        )

    def open(self, incarnation: bytes) -> Shelved | None:
        """A dead incarnation's outbox; None when its banker lives, or it had to be quarantined.

        Raises apsw.Error when the disk fails: a later start may read it."""
        path = self._path(incarnation)
        lock = self._lock_file(uuid_text(incarnation))
        if lock is None:
            return None
        try:
            identity = read_identity(path)
            self._check(identity, incarnation, path)
            return Shelved(identity, Outbox(path), lock)
        except (OutboxError, *DAMAGE) as error:
            self._quarantine(path, str(error))
            lock.close()
            return None

    def quarantine(self, shelved: Shelved, reason: str) -> None:
        """Takes an open outbox out of use."""
        path = shelved.outbox.path
        shelved.release()
        self._quarantine(path, reason)

    def delete(self, shelved: Shelved) -> None:
        """The end of a file that is settled to its end and older than the retention window."""
        path = shelved.outbox.path
        shelved.outbox.close()
        for suffix in (".sqlite", ".sqlite-wal", ".lock"):
            path.with_suffix(suffix).unlink(missing_ok=True)
        shelved.release()

    def remove_half_made(self) -> None:
        """Files of banker starts that died before they had a name: they never held anything."""
        for path in self._folder.glob("*.new"):
            lock = self._lock_file(path.stem)
            if lock is not None:
                for leftover in self._folder.glob(f"{path.stem}.*"):
                    leftover.unlink(missing_ok=True)
                lock.close()

    def _check(self, identity: Identity, incarnation: bytes, path: Path) -> None:
        """Raises OutboxError when the file is a copy, a clone, or under another's name."""
        facts = {
            "incarnation": (identity.incarnation, incarnation),
            "machine": (identity.machine, self._machine),
            "file system": (identity.file_system, file_system_id(path)),
            "inode": (identity.inode, path.stat().st_ino),
        }
        for what, (recorded, actual) in facts.items():
            if recorded != actual:
                raise OutboxError(
                    f"it is a copy: its {what} was {recorded!r}, here it is {actual!r}"
                )

    def _quarantine(self, path: Path, reason: str) -> None:
        self.quarantined += 1
        target = self._folder / QUARANTINE / path.name
        while target.exists():
            target = target.with_name(target.name + ".again")
        for part in self._folder.glob(f"{path.name}*"):
            part.rename(target.with_name(target.name + part.name.removeprefix(path.name)))
        self._sync_folder()
        log.error(
            "QUARANTINE: outbox %s was moved to %s and will not be recovered: %s. Its leases stay spent until a person decides.",
            path.name,
            target,
            reason,
        )

    def _incarnations(self, folder: Path) -> list[bytes]:
        found: set[bytes] = set()
        for path in folder.glob("*.sqlite*"):
            with contextlib.suppress(
                ValueError
            ):  # under no incarnation's name: nothing can be said of it
                found.add(uuid_bytes(path.name.partition(".")[0]))
        return sorted(found)

    def _path(self, incarnation: bytes) -> Path:
        return self._folder / f"{uuid_text(incarnation)}.sqlite"

    def _lock_file(self, name: str) -> IO[bytes] | None:
        file = (self._folder / f"{name}.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
