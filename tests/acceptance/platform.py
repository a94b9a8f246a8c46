"""A running platform as seen from outside: where it is (ready.json), its processes, its commands."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rtbplatform.local import ports
from rtbplatform.local.folders import ROOT

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0


class NotAcceptedError(AssertionError):
    """An acceptance test's finding, in a sentence."""


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wait_until(
    met: Callable[[], bool], *, within_s: float, what: str, every_s: float = 0.2
) -> float:
    """Seconds until the condition held. Raises NotAcceptedError when it does not within `within_s`."""
    start_s = time.monotonic()
    pause = threading.Event()
    while not met():
        if time.monotonic() - start_s > within_s:
            raise NotAcceptedError(f"{what}: not within {within_s:.0f} s")
        pause.wait(every_s)
    return time.monotonic() - start_s


class Platform:
    """One run of the platform, described by `var/ready.json`, which the supervisor rewrites at every restart."""

    def __init__(self, var: Path) -> None:
        self.var = var

    @property
    def facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads((self.var / "ready.json").read_bytes())
        except FileNotFoundError:
            raise NotAcceptedError(
                f"no platform is running in {self.var}: start it with make run"
            ) from None
        return facts

    @property
    def secret(self) -> str:
        """Its own; what the environment says may be another run's."""
        try:
            return (self.var / "secret").read_text().strip()
        except FileNotFoundError:
            return os.environ["RTB_SECRET"]

    @property
    def slug(self) -> str:
        return str(self.facts["exchange"]["slug"])

    @property
    def key(self) -> str:
        return str(self.facts["exchange"]["key"])

    @property
    def endpoint(self) -> str:
        return self.endpoint_of("")

    def endpoint_of(self, region: str) -> str:
        """Of a region's bidders; the first region's unless it is named."""
        bidder = self.facts["regions"][region]["bidder"] if region else self.facts["bidder"]
        return f"{bidder}/openrtb2/{self.slug}"

    def require_quiet(self) -> None:
        """Raises NotAcceptedError while the demo exchange sends requests that the test would not see."""
        if "exchange" in self.facts["pids"]:
            raise NotAcceptedError(
                "the demo exchange is sending: start the platform with TRAFFIC=0"
            )

    def pid(self, name: str) -> int:
        """0 while it is being started again."""
        return int(self.facts["pids"].get(name, 0))

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.facts["pids"] if name.startswith(prefix))

    def kill(self, name: str) -> float:
        """SIGKILL; returns the seconds until the supervisor had another process in its place."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return wait_until(
            lambda: self.pid(name) not in {0, pid}, within_s=20, what=f"{name} started again"
        )

    def environment(self) -> dict[str, str]:
        """For management commands: this platform's stores and secret."""
        facts = self.facts
        return {
            **os.environ,
            **self._settings(),
            "DATABASE_URL": facts["database_url"],
            "REDIS_URL": facts["redis_url"],
            "RTB_SECRET": self.secret,
            "WEB_PUBLIC_URL": facts["web"],
            "REGION": next(iter(facts["regions"])),
            "BIDDER_PUBLIC_URL": facts["bidder"],
            "DJANGO_SETTINGS_MODULE": "rtbplatform.settings",
        }

    def _settings(self) -> dict[str, str]:
        """What the run itself was told (the length of a budget day, for one); empty once it has stopped."""
        try:
            settings: dict[str, str] = json.loads((self.var / "environment.json").read_bytes())
        except FileNotFoundError:
            return {}
        return settings

    def manage(self, *words: str, check: bool = True, timeout_s: float = 120) -> str:
        """Standard output of a management command. Raises NotAcceptedError with its errors when it fails."""
        return self._python(str(ROOT / "manage.py"), *words, check=check, timeout_s=timeout_s)

    def inside(
        self,
        task: str,
        asked: object,
        timeout_s: float = 900,
        module: str = "tests.acceptance.inside",
    ) -> Any:
        """The result of a task of tests/acceptance/inside.py (or alike), run in a Django process of its own."""
        said = self._python("-m", module, task, given=json.dumps(asked), timeout_s=timeout_s)
        return json.loads(said.splitlines()[-1])

    def _python(
        self, *words: str, given: str = "", check: bool = True, timeout_s: float = 120
    ) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            env=self.environment(),
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            raise NotAcceptedError(
                f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-3000:]}"
            )
        return done.stdout

    def ready(self) -> bool:
        """Whether a bidder takes bids and the console answers."""
        facts = self.facts
        return all(
            get_status(f"{facts[name]}{path}") == http.client.OK
            for name, path in (("bidder", "/readyz"), ("web", "/healthz"))
        )


def get_status(url: str) -> int:
    """0 = no answer."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def launch(var: Path, guardian: int, **settings: str) -> subprocess.Popen[bytes]:
    """Starts a platform in `var` on free ports and waits for ready.json; it ends with the process `guardian`.

    Raises NotAcceptedError with the end of its output.
    """
    var.mkdir(parents=True, exist_ok=True)
    var.chmod(0o711)  # Postgres may have to run as another user
    ours = {"DATABASE_URL", "REDIS_URL", "RTB_SECRET", "BIDDER_PUBLIC_URL", "WEB_PUBLIC_URL"}
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    web_port = ports.choose()
    bidder_port = ports.choose(taken=frozenset({web_port}))
    environ |= {"WEB_PORT": str(web_port), "BIDDER_PORT": str(bidder_port), "TRAFFIC": "0"}
    log = var / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.start", str(var), str(guardian)],
            env=environ | settings,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise NotAcceptedError(f"the platform did not start:\n{log.read_text()[-3000:]}")
        return (var / "ready.json").exists()

    try:
        wait_until(ready, within_s=START_TIMEOUT_S, what="the platform ready")
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the supervisor, which ends its children; SIGKILL when it takes too long."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def started(var: Path, **settings: str) -> Iterator[Platform]:
    """A platform for the time of a test."""
    process = launch(var, os.getpid(), **settings)
    try:
        yield Platform(var)
    finally:
        stop(process)
