"""A banker on a disk whose fsync fails from the moment that the file `fsync-fails` lies beside its socket.

The real process and the real SQLite: only the VFS under it is wrapped, so that the error comes from where a disk's would.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import apsw

from bidder.banker.__main__ import main

SIGN = "fsync-fails"
SIGN_PATH = Path(os.environ.get("BANKER_SOCKET", "")).parent / SIGN


REAL = apsw.vfs_names()[0]


class BadFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(REAL, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if SIGN_PATH.exists():
            raise apsw.IOError("fsync: Input/output error")
        super().xSync(flags)


class BadDisk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("bad-disk", REAL, makedefault=True)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> BadFile:
        return BadFile(name, flags)


if __name__ == "__main__":
    disk = BadDisk()
    sys.exit(main())
