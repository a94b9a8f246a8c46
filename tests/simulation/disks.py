"""A machine's disk: outbox files with what is durable and what is not, where they lie, and what can happen to them.

A process that is killed leaves what it wrote; a power cut leaves what was fsynced. A file that was copied, cloned or put
back by somebody is not the file that it was: `open` says so as `bidder.banker.shelf` does, by machine, disk and inode.
"""

from __future__ import annotations

import itertools
from copy import copy
from typing import TYPE_CHECKING

from bidder.banker.group import Batch
from bidder.banker.leases import LeaseRow
from bidder.banker.outbox import Head, Identity, OutboxError
from rtbplatform.kernel.stream import Chunk
from tests.simulation.world import Actor

if TYPE_CHECKING:
    from tests.simulation.truth import Truth

_inodes = itertools.count(1)


class DiskError(OSError):
    """A write or an fsync failed: the banker must end."""


class File:
    """An outbox: what a reader would find in it now (the page cache included)."""

    def __init__(self, identity: Identity, truth: Truth) -> None:
        self.identity = identity
        self.incarnation = identity.incarnation
        self.truth = truth
        self.owner: Actor | None = None
        """Who holds its lock."""
        self.fails = ""
        """full | fsync: what the next commit meets."""
        self.chunks: list[tuple[Chunk, int]] = []
        self.leases: dict[bytes, LeaseRow] = {}
        self.fenced = False
        self.settled = 0
        self.closed: int | None = None
        self._unsynced: tuple[dict[bytes, LeaseRow | None], bool] | None = None

    # as bidder.banker.outbox.Outbox
    def commit(self, batch: Batch) -> None:
        owner = self.owner
        assert owner is not None
        owner.point()
        if self.fenced:
            raise DiskError("this outbox is fenced")
        if self.fails == "full":
            raise DiskError("no space left on device")
        rows = batch.leases
        self._unsynced = (
            {one.lease.id: self.leases.get(one.lease.id) for one in rows},
            self.fenced,
        )
        self.chunks.append((batch.chunk, batch.undecided_from))
        self.leases.update((one.lease.id, one) for one in rows)
        self.fenced = batch.fences
        self.truth.written(self, batch.chunk)
        owner.point()
        if self.fails == "fsync":
            raise DiskError("fsync failed")
        self._unsynced = None
        owner.point()

    @property
    def durable_seq(self) -> int:
        chunks = self.chunks[:-1] if self._unsynced else self.chunks
        return chunks[-1][0].last_seq if chunks else 0

    def head(self) -> Head:
        if not self.chunks:
            return Head()
        chunk, undecided_from = self.chunks[-1]
        return Head(chunk.last_seq, chunk.hash, undecided_from)

    def chunks_after(self, seq: int, incarnation: bytes, limit: int = 64) -> list[Chunk]:
        found: list[Chunk] = []
        for chunk, _ in reversed(self.chunks):
            if chunk.last_seq <= seq:
                break
            found.append(chunk)
        found.reverse()
        return found[:limit]

    def open_leases(self) -> list[LeaseRow]:
        return [row for row in self.leases.values() if row.state == "open"]

    def settled_seq(self) -> int:
        return self.settled

    def closed_ms(self) -> int | None:
        return self.closed

    def is_fenced(self) -> bool:
        return self.fenced

    def write_cursor(self, settled_seq: int, closed_ms: int | None) -> None:
        self.settled, self.closed = settled_seq, closed_ms

    # what happens to it
    def power_cut(self) -> None:
        """What was not fsynced is gone."""
        if self._unsynced is None:
            return
        (leases, fenced), self._unsynced = self._unsynced, None
        chunk, _ = self.chunks.pop()
        for lease_id, before in leases.items():
            if before is None:
                self.leases.pop(lease_id, None)
            else:
                self.leases[lease_id] = before
        self.fenced = fenced
        self.truth.unwritten(self, chunk)

    def reopened(self) -> None:
        """Read by a new process: what it finds it will find again."""
        self._unsynced = None

    def cloned(self) -> File:
        """Another file with the same bytes: its identity still names the original."""
        clone = copy(self)
        clone.chunks, clone.leases = list(self.chunks), dict(self.leases)
        clone.owner = None
        clone._unsynced = None
        return clone


class Disk:
    """One machine's folder of outboxes."""

    def __init__(self, machine: str, truth: Truth) -> None:
        self.machine = machine
        self.truth = truth
        self.file_system = f"fs{next(_inodes)}"
        self.files: dict[bytes, File] = {}
        self.places: dict[bytes, tuple[str, str]] = {}
        """Where each file really is: (machine, file system); a copy's identity says otherwise."""
        self.quarantine: dict[bytes, File] = {}

    def create(
        self, owner: Actor, incarnation: bytes, region: str, pod: str, started_ms: int
    ) -> File:
        owner.point()
        identity = Identity(
            *(incarnation, region, pod, self.machine, self.file_system, next(_inodes), started_ms)
        )
        file = File(identity, self.truth)
        file.owner = owner
        self.put(file, is_copy=False)
        owner.point()
        return file

    def put(self, file: File, *, is_copy: bool) -> None:
        """A file appears in the folder."""
        self.files[file.incarnation] = file
        place = ("somewhere", "else") if is_copy else (self.machine, self.file_system)
        self.places[file.incarnation] = place

    def found(self) -> list[bytes]:
        return sorted(self.files)

    def copies(self) -> list[bytes]:
        return sorted(set(self.quarantine) - set(self.files))

    def open(self, owner: Actor, incarnation: bytes) -> File | None:
        """A dead incarnation's file; None when its banker lives, or it had to be put to quarantine."""
        file = self.files.get(incarnation)
        if file is None or file.owner is not None:
            return None
        its = (file.identity.machine, file.identity.file_system)
        if self.places[incarnation] != its:
            self.set_aside(file)
            return None
        file.owner = owner
        file.reopened()
        return file

    def set_aside(self, file: File) -> None:
        """To quarantine."""
        file.owner = None
        self.files.pop(file.incarnation, None)
        self.quarantine[file.incarnation] = file

    def lost(self) -> list[File]:
        """All of it is gone: what was on it. A new disk comes."""
        files, self.files, self.quarantine = list(self.files.values()), {}, {}
        self.file_system = f"fs{next(_inodes)}"
        return files

    def processes_end(self, owner: Actor) -> None:
        """A process's locks are let go with it."""
        for file in self.files.values():
            if file.owner is owner:
                file.owner = None


__all__ = ["Disk", "DiskError", "File", "OutboxError"]
