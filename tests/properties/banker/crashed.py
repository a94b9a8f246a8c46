"""An outbox file as a kill leaves it, and what may happen to its bytes.

The files are put back into the same inode after SQLite has closed them, as a copy would not be opened (R2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bidder.banker.outbox import Outbox
from bidder.banker.outcomes import undecided_after
from rtbplatform.kernel.stream import chunk_entries

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


@dataclass(frozen=True)
class Moment:
    """What the file says after one of its transactions."""

    last_seq: int
    hash: bytes
    settled_seq: int
    fenced: bool
    open_leases: dict[bytes, int]
    undecided: frozenset[int]

    @classmethod
    def of(cls, outbox: Outbox, incarnation: bytes) -> Moment:
        head = outbox.head()
        chunks = outbox.chunks_after(0, incarnation, 10_000)
        entries = [e for chunk in chunks for e in chunk_entries(chunk.payload)]
        first = chunks[0].first_seq if chunks else 1
        return cls(
            *(head.last_seq, head.hash, outbox.settled_seq(), outbox.is_fenced()),
            {row.lease.id: row.spent_micros for row in outbox.open_leases()},
            frozenset(one.seq for one in undecided_after(first, entries)),
        )


@dataclass
class Files:
    """The bytes of main file and WAL at one moment."""

    path: Path
    main: bytearray
    wal: bytearray

    @classmethod
    def of(cls, path: Path) -> Files:
        wal = wal_path(path)
        return cls(
            path,
            bytearray(path.read_bytes()),
            bytearray(wal.read_bytes() if wal.exists() else b""),
        )

    def put_back(self) -> None:
        with self.path.open("r+b") as file:
            file.truncate(0)
            file.write(self.main)
        wal_path(self.path).write_bytes(self.wal)


def wal_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def wal_end(path: Path, page_bytes: int) -> tuple[bytes, int]:
    """The WAL's generation (its salt) and where its frames of this generation end; a checkpointed WAL starts anew over
    the old frames."""
    data = wal_path(path).read_bytes() if wal_path(path).exists() else b""
    salt, end = data[16:24], WAL_HEADER_BYTES
    while len(data) >= end + FRAME_HEADER_BYTES + page_bytes and data[end + 8 : end + 16] == salt:
        end += FRAME_HEADER_BYTES + page_bytes
    return salt, end
