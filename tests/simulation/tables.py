"""Rows in memory with transactions, and with all of their past: so that a database can lose its tail.

Every write notes what was there before. Undoing the notes of a transaction is a rollback; undoing those of committed
ones is what a fail-over to a replica that was behind, or a restore to an earlier point, does to a database.
"""

from __future__ import annotations

from typing import Any

Rows = dict[Any, Any]
MISSING: Any = object()


class Tables:
    """Named tables of one database. Rows are values: a row that is changed is put again."""

    def __init__(self) -> None:
        self._undo: list[tuple[Rows, Any, Any]] = []
        self._commits: list[tuple[int, int]] = []
        self.begun = -1

    @property
    def is_open(self) -> bool:
        return self.begun >= 0

    def put(self, table: Rows, key: Any, row: Any) -> None:
        self._undo.append((table, key, table.get(key, MISSING)))
        table[key] = row

    def delete(self, table: Rows, key: Any) -> None:
        if key in table:
            self._undo.append((table, key, table.pop(key)))

    def begin(self) -> None:
        assert not self.is_open, "a transaction within a transaction"
        self.begun = len(self._undo)

    @property
    def has_written(self) -> bool:
        return len(self._undo) > self.begun

    def commit(self, now_ms: int) -> None:
        if self.has_written:
            self._commits.append((now_ms, len(self._undo)))
        self.begun = -1

    def rollback(self) -> None:
        self._back_to(self.begun)
        self.begun = -1

    def written(self) -> list[tuple[Rows, Any, Any]]:
        """(table, key, row before) of the open transaction."""
        return self._undo[self.begun :]

    def restore(self, at_ms: int) -> int:
        """As it was at that moment; how many transactions are lost."""
        lost = 0
        while self._commits and self._commits[-1][0] > at_ms:
            self._commits.pop()
            lost += 1
        self._back_to(self._commits[-1][1] if self._commits else 0)
        return lost

    def lose(self, transactions: int, earliest_ms: int = 0) -> int:
        """Without its last transactions, but none of before `earliest_ms`: how many are lost."""
        later = sum(at_ms > earliest_ms for at_ms, _ in self._commits[-transactions:])
        lost = min(later, max(0, len(self._commits) - 1))
        if lost:
            del self._commits[-lost:]
            self._back_to(self._commits[-1][1])
        return lost

    def _back_to(self, length: int) -> None:
        undo = self._undo
        while len(undo) > length:
            table, key, before = undo.pop()
            if before is MISSING:
                table.pop(key, None)
            else:
                table[key] = before
