"""What a chaos run does to Postgres and Redis: copies taken while they run, and the stores set back to them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import redis

from rtbplatform.local.postgres import find_binaries, stop_stale
from tests.acceptance.platform import NotAcceptedError, wait_until
from tests.acceptance.truth import now_ms
from tests.chaos.hands import Hands

COPY_TRIES = 6
COPY_TIMEOUT_S = 60


def redis_client(hands: Hands, region: str) -> redis.Redis:
    url = hands.platform.facts["regions"][region]["redis_url"]
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)


def _redis_folder(hands: Hands, region: str) -> Path:
    return hands.platform.var / "redis" / region


def copy_redis(hands: Hands, region: str) -> Path | None:
    """A file of all that it holds now; None when it is away."""
    folder = _redis_folder(hands, region)
    try:
        with redis_client(hands, region) as client:
            client.save()
    except (redis.RedisError, OSError):
        return None
    return (folder / "dump.rdb").rename(folder / f"copy-{now_ms()}.rdb")


def restore_redis(hands: Hands, region: str, copy: Path) -> None:
    """Killed, and started again on an old copy."""
    dump = _redis_folder(hands, region) / "dump.rdb"
    shutil.copy(copy, dump)
    try:
        hands.kill(f"redis-{region}")
        with redis_client(hands, region) as client:
            wait_until(lambda: _answers(client), within_s=30, what=f"Redis of {region} answers")
    finally:
        dump.unlink(missing_ok=True)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def copy_postgres(hands: Hands) -> tuple[Path, int]:
    """A base backup of the running server, and when it was begun (Unix ms). Raises NotAcceptedError."""
    target = hands.platform.var / "postgres" / "copy"
    url = urlsplit(hands.platform.facts["database_url"])
    command = (
        *(find_binaries() / "pg_basebackup", "--pgdata", target, "--checkpoint=fast"),
        *("--wal-method=stream", "--no-sync", "--host", url.hostname, "--port", str(url.port)),
        *("--username", url.username, "--no-password"),
    )
    environ = {**os.environ, "PGPASSWORD": url.password or "", "PGCONNECT_TIMEOUT": "5"}
    said = ""
    for _ in range(COPY_TRIES):
        shutil.rmtree(target, ignore_errors=True)
        begun_ms = now_ms()
        try:
            done = subprocess.run(
                [str(word) for word in command],
                env=environ,
                capture_output=True,
                text=True,
                timeout=COPY_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            said = str(error)
            continue
        if done.returncode == 0:
            return target, begun_ms
        said = done.stderr
        hands.wait(3)
    raise NotAcceptedError(f"no copy of Postgres: {said}")


def restore_postgres(hands: Hands, copy: Path) -> None:
    """kill -9, the copy in the place of the data, and the supervisor starts it."""
    folder = copy.parent
    data = folder / "data"
    owner = data.stat()
    _give(copy, owner.st_uid, owner.st_gid)
    pid = hands.pid("postgres")
    with hands.nobody_restarts():
        os.killpg(pid, signal.SIGKILL)
        wait_until(
            lambda: not _holds(data), within_s=30, what="the last process of Postgres has gone"
        )
        stop_stale(folder)
        shutil.rmtree(data)
        copy.rename(data)
    wait_until(
        lambda: hands.platform.pid("postgres") not in {0, pid},
        within_s=60,
        what="Postgres started again",
    )


def _holds(data: Path) -> bool:
    """Whether a process still works in a data folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data:
                return True
        except OSError:
            continue
    return False


def _give(folder: Path, uid: int, gid: int) -> None:
    folder.chmod(0o700)
    os.chown(folder, uid, gid)
    for path in folder.rglob("*"):
        os.chown(path, uid, gid, follow_symlinks=False)
