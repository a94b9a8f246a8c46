"""`python -m rtbplatform.local run` in a checkout of its own: real Postgres, Redis, gunicorn and Celery, stand-ins for the rest."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtbplatform.local import ports
from rtbplatform.local.folders import ROOT

STAND_INS = Path(__file__).with_name("stand_ins")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("local-run")]


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    never, deadline_s = threading.Event(), time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        never.wait(0.05)


class Checkout:
    """A copy of what the supervisor needs, in a folder that Postgres's user can reach."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        shutil.copytree(STAND_INS, root, dirs_exist_ok=True)
        package = root / "rtbplatform"
        (package / "__init__.py").touch()
        for part in ("kernel", "local"):
            shutil.copytree(ROOT / "rtbplatform" / part, package / part)
        shutil.copy(ROOT / "requirements.txt", root)
        self.web_port, self.bidder_port = ports.choose(), ports.choose()

    def start(self, **settings: str) -> subprocess.Popen[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "RTB_SECRET", "DJANGO_SETTINGS_MODULE"}
        }
        own = {"WEB_PORT": str(self.web_port), "BIDDER_PORT": str(self.bidder_port), "TRAFFIC": "5"}
        return subprocess.Popen(
            (sys.executable, "-m", "rtbplatform.local", "run"),
            cwd=self.root,
            env={**inherited, **own, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def refusal(self, **settings: str) -> tuple[int, str]:
        """The exit code and output of a start that is expected to fail."""
        run = self.start(**settings)
        output, _ = run.communicate(timeout=60)
        return run.returncode, output

    def ready(self) -> dict[str, Any]:
        path = self.root / "var" / "ready.json"
        wait_for(path.exists)
        content: dict[str, Any] = json.loads(path.read_text())
        return content


def stop(run: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    run.send_signal(number)
    output, _ = run.communicate(timeout=60)
    return output


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=15) as reply:
        content: bytes = reply.read()
        return content


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def of_checkout(root: Path) -> list[int]:
    """Every process whose working folder, command or environment lies in the checkout."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            facts = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"{root}/".encode() in facts and alive(int(folder.name)):
            found.append(int(folder.name))
    return found


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    with tempfile.TemporaryDirectory(prefix="rtb-run-", ignore_cleanup_errors=True) as name:
        made = Checkout(Path(name))
        yield made
        for pid in of_checkout(made.root):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Checkout, subprocess.Popen[str]]]:
    with tempfile.TemporaryDirectory(prefix="rtb-run-", ignore_cleanup_errors=True) as name:
        made = Checkout(Path(name))
        run = made.start(BIDDERS="2")
        try:
            made.ready()
            yield made, run
        finally:
            stop(run)


Running = tuple[Checkout, subprocess.Popen[str]]


def test_the_console_answers(running: Running) -> None:
    assert get(running[0].ready()["web"] + "/healthz") == b"ok"


def test_every_process_is_named_and_alive(running: Running) -> None:
    pids = running[0].ready()["pids"]
    names = {"supervisor", "postgres", "redis", "web", "worker", "beat", "dsps", "exchange"}
    assert pids.keys() == names | {"treasury", "banker", "bidder-0", "bidder-1"}
    assert all(alive(pid) for pid in pids.values())


def test_what_is_ready_is_told_to_its_owner_only(running: Running) -> None:
    assert (running[0].root / "var" / "ready.json").stat().st_mode & 0o077 == 0


def test_a_second_run_in_the_checkout_is_refused(running: Running) -> None:
    code, output = running[0].refusal()
    assert (code, "already running" in output) == (1, True)


def test_another_checkout_cannot_share_the_ports(running: Running, checkout: Checkout) -> None:
    code, output = checkout.refusal(BIDDER_PORT=str(running[0].bidder_port))
    assert (code, "set BIDDER_PORT to a free port" in output) == (1, True)


def test_both_bidders_answer_behind_one_port(running: Running) -> None:
    ready = running[0].ready()
    expected = {ready["pids"]["bidder-0"], ready["pids"]["bidder-1"]}
    seen: set[int] = set()
    wait_for(lambda: bool(seen.add(int(get(ready["bidder"] + "/")))) or seen >= expected)


@pytest.mark.parametrize("name", ["bidder-0", "banker", "web", "postgres", "redis", "worker"])
def test_a_killed_process_comes_back_under_a_new_number(running: Running, name: str) -> None:
    before = running[0].ready()["pids"][name]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: running[0].ready()["pids"].get(name, before) != before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_leaves_nothing(checkout: Checkout, number: int) -> None:
    run = checkout.start()
    pids = checkout.ready()["pids"]
    output = stop(run, number)
    assert (run.returncode, "Everything has stopped" in output) == (0, True)
    assert [name for name, pid in pids.items() if alive(pid)] == []
    assert of_checkout(checkout.root) == []
    assert not (checkout.root / "var" / "ready.json").exists()


def test_a_killed_supervisor_leaves_nothing_and_the_next_run_starts(checkout: Checkout) -> None:
    run = checkout.start()
    checkout.ready()
    run.kill()
    run.communicate()
    wait_for(lambda: of_checkout(checkout.root) == [])
    again = checkout.start()
    wait_for(lambda: checkout.ready()["pids"]["supervisor"] == again.pid)
    stop(again)
    assert again.returncode == 0


def test_a_failing_migration_ends_the_run_with_its_words(checkout: Checkout) -> None:
    code, output = checkout.refusal(BREAK="migrate")
    assert (code, "this migration cannot work" in output) == (1, True)
    assert of_checkout(checkout.root) == []


def test_a_bidder_that_never_starts_ends_the_run_with_its_words(checkout: Checkout) -> None:
    code, output = checkout.refusal(BREAK="bidder")
    assert (code, "this bidder cannot start" in output) == (1, True)
    assert of_checkout(checkout.root) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAFFIC", "abc"),
        ("BIDDERS", "0"),
        ("WEB_PORT", "70000"),
        ("FANOUT_MS", "never"),
        ("RTB_SECRET", "short"),
        ("DATABASE_URL", "mysql://nowhere"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    checkout: Checkout, name: str, value: str
) -> None:
    code, output = checkout.refusal(**{name: value})
    assert (code, f"{name} must be" in output) == (2, True)


def test_one_redis_for_several_regions_is_refused(checkout: Checkout) -> None:
    code, output = checkout.refusal(REDIS_URL="redis://127.0.0.1:1/0", REGIONS="2")
    assert (code, "set REGIONS=1" in output) == (2, True)


def test_a_web_port_in_use_stops_the_start(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", checkout.web_port)):
        code, output = checkout.refusal()
    assert (code, "set WEB_PORT to a free port" in output) == (1, True)


def test_two_regions_run_side_by_side(checkout: Checkout) -> None:
    run = checkout.start(REGIONS="2")
    ready = checkout.ready()
    assert set(ready["regions"]) == {"r1", "r2"}
    assert {"redis-r1", "treasury-r2", "banker-r1", "bidder-r2-0"} <= ready["pids"].keys()
    assert ready["regions"]["r1"]["redis_url"] != ready["regions"]["r2"]["redis_url"]
    stop(run)
    assert of_checkout(checkout.root) == []
