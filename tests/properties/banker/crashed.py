"""An outbox file as a kill leaves it, and what may happen to its bytes.

The files are put back into the same inode after SQLite has closed them, as a copy would not be opened (R2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


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
