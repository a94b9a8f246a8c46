"""One incarnation's outbox: a SQLite file that holds its stream, its leases and how far the ledger has settled it.

Only one process ever has the file open (`shelf` holds the lock). `synchronous=FULL` in WAL mode: a commit is one write
and one fsync of the WAL. A small WAL keeps checkpoints short.
"""

from __future__ import annotations

import time
from pathlib import Path
from zlib import crc32

import apsw
import msgspec

from bidder.banker.group import Batch
from bidder.banker.leases import LeaseRow
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import GENESIS_HASH, Chunk

SQLITE_VERSION_MIN = (3, 51, 3)
PAGE_BYTES = 16_384
WAL_PAGES = 1_000

_SCHEMA = """
CREATE TABLE meta (value BLOB NOT NULL);
CREATE TABLE cursor (settled_seq INTEGER NOT NULL, closed_ms INTEGER, fenced INTEGER NOT NULL);
INSERT INTO cursor VALUES (0, NULL, 0);
CREATE TABLE chunk (
    first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, committed_ms INTEGER NOT NULL,
    prev_hash BLOB NOT NULL, hash BLOB NOT NULL, keys BLOB NOT NULL,
    undecided_from INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE lease (
    id BLOB PRIMARY KEY, campaign INTEGER NOT NULL, day INTEGER NOT NULL, state TEXT NOT NULL,
    spent INTEGER NOT NULL, changed_ms INTEGER NOT NULL, lease BLOB NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX lease_open ON lease (state) WHERE state = 'open';
CREATE INDEX lease_changed ON lease (changed_ms) WHERE state <> 'open';
CREATE TABLE high_water (
    campaign INTEGER, day INTEGER, no INTEGER NOT NULL, PRIMARY KEY (campaign, day)
) WITHOUT ROWID;
CREATE TRIGGER chunk_fenced BEFORE INSERT ON chunk WHEN (SELECT fenced FROM cursor)
BEGIN SELECT RAISE(ABORT, 'this outbox is fenced'); END;
"""
_COLUMNS = "first_seq, count, committed_ms, prev_hash, hash, payload, keys"

DAMAGE = (apsw.CorruptError, apsw.NotADBError)
"""What SQLite says of a file that it cannot make sense of. Other errors are the disk's, not the file's."""


class OutboxError(Exception):
    """The file is not an outbox that can be trusted; the message says why."""


class Identity(msgspec.Struct, frozen=True):
    """Which file on which disk of which machine this is: a copy or clone is told from the original by it (R2)."""

    incarnation: bytes
    region: str
    pod: str
    machine: str
    file_system: str
    inode: int
    started_ms: int

    def text(self) -> str:
        """As the treasury knows it (`wire.Register.machine`)."""
        return f"{self.machine}/{self.file_system}/{self.inode}"


class Head(msgspec.Struct, frozen=True):
    """Where a stream stands on disk."""

    last_seq: int = 0
    hash: bytes = GENESIS_HASH
    undecided_from: int = 1


def check_sqlite_version() -> None:
    """Raises OutboxError: older versions can lose a commit (the WAL-reset bug)."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_VERSION_MIN:
        raise OutboxError(
            f"SQLite {apsw.sqlite_lib_version()} is too old for an outbox: install apsw >= 3.51.3, which brings its own."
        )


def create_file(path: Path, identity: Identity) -> None:
    """Writes the schema and the identity into an empty file. Durable when it returns."""
    connection = _open(path)
    connection.execute(_SCHEMA)
    connection.execute("INSERT INTO meta VALUES (?)", (msgspec.msgpack.encode(identity),))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def read_identity(path: Path) -> Identity:
    """What the file says it is, without changing a byte of it. Raises OutboxError."""
    try:
        connection = apsw.Connection(
            f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        value = connection.execute("SELECT value FROM meta").get
        connection.close()
        return msgspec.msgpack.decode(value, type=Identity)
    except (apsw.Error, msgspec.MsgspecError, TypeError) as error:
        raise OutboxError(f"{path.name} does not say which outbox it is: {error}") from error


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), statementcachesize=64)
    connection.set_busy_timeout(0)
    for pragma in (
        f"page_size={PAGE_BYTES}",
        "locking_mode=EXCLUSIVE",  # no second process, no shared-memory file
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={WAL_PAGES}",
        f"journal_size_limit={WAL_PAGES * PAGE_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


class Outbox:
    """An open outbox. Methods raise apsw.Error; of `commit` it means that nothing after it can be trusted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _open(path)
        self.fsync_s = 0.0
        """How long the last commit waited for the disk."""

    def close(self) -> None:
        self._connection.close()

    def commit(self, batch: Batch) -> None:
        """One transaction: the chunk and all rows. Durable when it returns."""
        connection, chunk = self._connection, batch.chunk
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO chunk (first_seq, count, committed_ms, prev_hash, hash, payload, keys, undecided_from)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                *(chunk.first_seq, chunk.count, chunk.committed_ms, chunk.prev_hash, chunk.hash),
                *(chunk.payload, chunk.keys, batch.undecided_from),
            ),
        )
        if batch.leases:
            connection.executemany(
                "INSERT INTO lease VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE"
                " SET state = excluded.state, spent = excluded.spent, changed_ms = excluded.changed_ms,"
                " crc = excluded.crc",
                [_lease_values(row, chunk.committed_ms) for row in batch.leases],
            )
        if batch.high_waters:
            connection.executemany(
                "INSERT INTO high_water VALUES (?,?,?) ON CONFLICT DO UPDATE SET no = excluded.no",
                [(row.campaign, row.day, row.no) for row in batch.high_waters],
            )
        if batch.fences:
            connection.execute("UPDATE cursor SET fenced = 1")
        started_s = time.perf_counter()
        connection.execute("COMMIT")
        self.fsync_s = time.perf_counter() - started_s

    def head(self) -> Head:
        """The end of the stream."""
        row = self._connection.execute(
            "SELECT first_seq + count - 1, hash, undecided_from FROM chunk ORDER BY first_seq DESC LIMIT 1"
        ).fetchone()
        return Head(*row) if row else Head()

    def chunks_after(self, seq: int, incarnation: bytes, limit: int = 64) -> list[Chunk]:
        """Chunks in order, from the one that contains `seq` + 1."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM chunk WHERE first_seq >= "  # noqa: S608 - names of our own columns
            "coalesce((SELECT max(first_seq) FROM chunk WHERE first_seq <= ?), 0)"
            " AND first_seq + count > ? ORDER BY first_seq LIMIT ?",
            (seq + 1, seq + 1, limit),
        )
        return [Chunk(incarnation, *row) for row in rows]

    def open_leases(self) -> list[LeaseRow]:
        """Leases accepted and not sealed, with what was durably spent on them. Raises OutboxError for a damaged row:
        SQLite has checksums for its WAL only, and a seal with a wrong sum would give money back."""
        found: list[LeaseRow] = []
        try:
            for lease, spent, state, crc in self._connection.execute(
                "SELECT lease, spent, state, crc FROM lease WHERE state='open'"
            ):
                if crc != _crc(lease, spent, state):
                    raise OutboxError("a lease's row is damaged")
                found.append(LeaseRow(msgspec.msgpack.decode(lease, type=Lease), spent, state))
        except (msgspec.MsgspecError, apsw.SQLError) as error:
            raise OutboxError(f"its leases are of another version: {error}") from error
        return found

    def settled_seq(self) -> int:
        return int(self._connection.execute("SELECT settled_seq FROM cursor").get)

    def closed_ms(self) -> int | None:
        """When (wall time) the treasury said that this stream is settled to its end."""
        value: int | None = self._connection.execute("SELECT closed_ms FROM cursor").get
        return value

    def is_fenced(self) -> bool:
        return bool(self._connection.execute("SELECT fenced FROM cursor").get)

    def write_cursor(self, settled_seq: int, closed_ms: int | None) -> None:
        """How far the ledger has settled this stream. May go back: a restored database settles again."""
        self._connection.execute(
            "UPDATE cursor SET settled_seq = ?, closed_ms = ?", (settled_seq, closed_ms)
        )

    def prune(self, before_ms: int, limit: int = 50) -> int:
        """Deletes a few of the rows that are settled and older than the retention window: how many (R5).

        The last chunk stays (the chain goes on from it), and what a recovery would read.
        """
        head = self.head()
        keep_from = min(self.settled_seq() + 1, head.undecided_from, head.last_seq)
        with self._connection:
            self._connection.execute(
                "DELETE FROM chunk WHERE first_seq IN (SELECT first_seq FROM chunk"
                " WHERE first_seq + count <= ? AND committed_ms < ? ORDER BY first_seq LIMIT ?)",
                (keep_from, before_ms, limit),
            )
            chunks = self._connection.changes()
            self._connection.execute(
                "DELETE FROM lease WHERE id IN (SELECT id FROM lease"
                " WHERE state <> 'open' AND changed_ms < ? LIMIT ?)",
                (before_ms, limit),
            )
            leases = self._connection.changes()
        return chunks + leases


def _lease_values(row: LeaseRow, now_ms: int) -> tuple[bytes, int, int, str, int, int, bytes, int]:
    lease, packed = row.lease, msgspec.msgpack.encode(row.lease)
    return (
        *(lease.id, lease.campaign, lease.day, row.state, row.spent_micros, now_ms, packed),
        _crc(packed, row.spent_micros, row.state),
    )


def _crc(lease: bytes, spent_micros: int, state: str) -> int:
    return crc32(b"%d %b " % (spent_micros, state.encode()) + lease)
