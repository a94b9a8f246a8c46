"""A region that is cut off from Postgres in mid-transaction holds its rows for seconds, not for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections

from billing.escrow.management.commands.run_treasury import LIMITS, limit_transactions
from rtbplatform.local import ports
from rtbplatform.local.folders import ROOT
from rtbplatform.local.proxy import target_of, url_through

LOCK = 7_301_455
FREE_WITHIN = "15s"


@contextmanager
def proxy_process(database_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """As `make run` starts it, and the URL through it."""
    held = ports.hold("127.0.0.1", ports.choose())
    environ = {
        **os.environ,
        "LISTEN_FD": str(held.fileno()),
        "PROXY_TARGET": target_of(database_url),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "rtbplatform.local.proxy"],
        env=environ,
        cwd=ROOT,
        pass_fds=(held.fileno(),),
    )
    try:
        yield process, url_through(database_url, held.getsockname()[1])
    finally:
        process.kill()
        process.wait()
        held.close()


def test_a_lock_is_free_again_seconds_after_its_region_was_cut_off() -> None:
    database_url = os.environ["DATABASE_URL"]
    with proxy_process(database_url) as (process, through):
        cut_off = psycopg.connect(through, options=LIMITS)
        cut_off.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        process.send_signal(signal.SIGSTOP)
        try:
            with psycopg.connect(
                database_url, options=f"-c statement_timeout={FREE_WITHIN}"
            ) as other:
                other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        finally:
            process.send_signal(signal.SIGCONT)
        with pytest.raises(psycopg.Error):
            cut_off.execute("SELECT 1")


@pytest.mark.django_db(transaction=True)
def test_the_treasury_limits_its_transactions_and_keeps_other_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = connections.databases["default"]["OPTIONS"]
    monkeypatch.setitem(options, "options", f"{options['options']} -c application_name=x")
    limit_transactions()
    connection.close()
    with connection.cursor() as cursor:
        shown = []
        for name in ("idle_in_transaction_session_timeout", "lock_timeout", "application_name"):
            cursor.execute(f"SHOW {name}")
            shown.append(cursor.fetchone()[0])
    connection.close()
    assert shown == ["5s", "3s", "x"]
