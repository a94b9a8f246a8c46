"""Postgres's clock as this process's: every treasury opens and ends budget days at the same moment, whatever the clock of
its own machine says."""

from __future__ import annotations

from collections.abc import Callable

from rtbplatform.kernel.clock import Clock


class DatabaseClock:
    """Between two readings time passes as on this machine. No money depends on it (R1), service does."""

    def __init__(self, own: Clock, read_ms: Callable[[], int]) -> None:
        """`read_ms` asks the database; it raises django.db.Error when that is away."""
        self._own = own
        self._read_ms = read_ms
        self._offset_ms: int | None = None

    def refresh(self) -> None:
        """Reads the database's clock: now and then, and first of all. Raises django.db.Error."""
        before_ms = self._own.boot_ms()
        read_ms = self._read_ms()
        self._offset_ms = read_ms - (before_ms + self._own.boot_ms()) // 2

    def wall_ms(self) -> int:
        if self._offset_ms is None:
            self.refresh()
        assert self._offset_ms is not None
        return self._own.boot_ms() + self._offset_ms

    def boot_ms(self) -> int:
        return self._own.boot_ms()
