"""Throw-away Postgres and Redis around a command: ``python -m rtbplatform.local with-servers -- pytest``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rtbplatform.local import servers
from rtbplatform.local.folders import Folders, tail
from rtbplatform.local.process import WRAPPER
from rtbplatform.local.state import choose_endpoints
from rtbplatform.local.supervisor import Supervisor


async def run_with_servers(command: list[str]) -> int:
    """The command's exit code. Its environment has DATABASE_URL, REDIS_URL, RTB_SECRET; the data is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="rtb-test-"))
    folder.chmod(0o711)  # Postgres may have to run as another user
    folders = Folders(var=folder)
    folders.create()
    supervisor = Supervisor(folders.children_file)
    try:
        state = choose_endpoints(folders.state_file, ("local",))
        running = servers.prepare(
            folders,
            state,
            database_url=os.environ.get("DATABASE_URL", ""),
            redis_url=os.environ.get("REDIS_URL", ""),
            throw_away=True,
        )
        await servers.start(running, state, supervisor)
        supervisor.ready = True  # from here on a killed server is always started again
        environ = {
            "RTB_SECRET": secrets.token_hex(32),
            **os.environ,
            "DATABASE_URL": running.database_url,
            "REDIS_URL": running.redis_urls["local"],
        }
        return await _run(command, environ)
    except BaseException:
        for log in sorted(folders.logs.glob("*.log")):
            sys.stderr.write(f"--- {log.name}\n{tail(log)}\n")
        raise
    finally:
        await supervisor.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _run(command: list[str], environ: dict[str, str]) -> int:
    """In our own process group: Ctrl-C reaches it directly, and SIGTERM is passed on."""
    death = str(int(signal.SIGTERM))
    wrapper = (sys.executable, "-I", "-S", WRAPPER, str(os.getpid()), death, "plain", "--")
    process = await asyncio.create_subprocess_exec(*wrapper, *command, env=environ)
    loop = asyncio.get_running_loop()

    def pass_on() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()

    loop.add_signal_handler(signal.SIGTERM, pass_on)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    return await process.wait()
