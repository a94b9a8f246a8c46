"""Listens to Postgres for news of the outbox and wakes whoever works on them. Missed news cost a tick, nothing more."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from django.db import OperationalError, connection

from rtbplatform.outbox.publish import CHANNEL

WAIT_S = 0.5


class Listener:
    """One thread's work, on a connection of its own."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def step(self) -> None:
        """Waits for news, half a second at most. Raises django.db.OperationalError when Postgres is away."""
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._wake()  # what happened while nobody listened
            for _ in self._connection.notifies(timeout=WAIT_S, stop_after=1):
                self._wake()
        except psycopg.Error as error:
            self.close()
            raise OperationalError(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        parameters = connection.get_connection_params()
        names = (
            *("dbname", "host", "port", "user", "password", "connect_timeout", "sslmode"),
            # Without them a server that has vanished is waited for until the kernel gives up: hours.
            *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
            "tcp_user_timeout",
        )
        conninfo = psycopg.conninfo.make_conninfo(
            **{name: parameters[name] for name in names if parameters.get(name)}
        )
        listening = psycopg.connect(conninfo, autocommit=True)
        listening.execute(f"LISTEN {CHANNEL}")  # type: ignore[call-overload]  # a constant
        return listening
