"""The supervisor with small stand-in programs: restarts, giving up, order of stopping, no orphans, sockets handed over."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rtbplatform.local import ports
from rtbplatform.local.folders import ROOT, LocalError
from rtbplatform.local.leftovers import end_leftovers, started_ticks
from rtbplatform.local.process import Spec
from rtbplatform.local.supervisor import Supervisor

SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
FAMILY = (
    "import os, subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True); time.sleep(600)"
)
SERVER = (
    "import os, socket;"
    "s = socket.socket(fileno=int(os.environ['LISTEN_FD']));\n"
    "while True:\n c, _ = s.accept(); c.recv(10); c.sendall(str(os.getpid()).encode()); c.close()"
)


async def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Waits for a condition, bounded."""
    await asyncio.to_thread(wait_for, condition, timeout_s)


def wait_for(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Waits for a condition, bounded."""
    never, deadline_s = threading.Event(), time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        never.wait(0.01)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Spec]:
    def build(name: str, code: str, **more: object) -> Spec:
        argv = (sys.executable, "-c", code)
        return Spec(name=name, argv=argv, log=tmp_path / f"{name}.log", **more)  # type: ignore[arg-type]

    return build


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "children.json")
    yield made
    made.hurry()
    await made.stop()


async def test_a_killed_process_is_started_again(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    supervisor.start([make("a", SLEEP)])
    first = supervisor.children["a"].pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pids().get("a", first) != first)


async def test_a_changed_process_number_is_told(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    told: list[dict[str, int]] = []
    supervisor.start([make("a", SLEEP)])
    supervisor.on_change = lambda: told.append(supervisor.pids())
    os.kill(supervisor.children["a"].pid, signal.SIGKILL)
    await until(lambda: bool(told))
    assert told[-1] == {"a": supervisor.children["a"].pid}


async def test_five_quick_deaths_end_the_run_with_the_log(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    supervisor.start([make("a", "raise SystemExit('no such luck')")])
    async with asyncio.timeout(15):
        with pytest.raises(LocalError, match="no such luck"):
            await supervisor.failure()


async def test_a_failing_command_tells_its_log(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    with pytest.raises(LocalError, match="table is missing"):
        await supervisor.run_once(make("migrate", "raise SystemExit('table is missing')"))


async def test_lower_ranks_are_gone_before_higher_ones_are_told(
    supervisor: Supervisor, make: Callable[..., Spec], tmp_path: Path
) -> None:
    note = (
        "import signal, sys, time\n"
        f"def end(*_):\n open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(15, end); print('up', flush=True); time.sleep(600)"
    )
    specs = []
    for name, rank in (("c", 3), ("a", 1), ("b", 2)):
        spec = make(name, note, stop_rank=rank)
        specs.append(Spec(name=name, argv=(*spec.argv, name), log=spec.log, stop_rank=rank))
    supervisor.start(specs)
    await until(lambda: all(spec.log.exists() and spec.log.read_text() for spec in specs))
    await supervisor.stop()
    assert (tmp_path / "order").read_text() == "abc"


async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    spec = make("a", STUBBORN, grace_s=0.2)
    supervisor.start([spec])
    await until(lambda: spec.log.exists() and bool(spec.log.read_text()))
    async with asyncio.timeout(5):
        await supervisor.stop()
    assert supervisor.pids() == {}


async def test_children_of_a_killed_process_die_with_it(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    spec = make("a", FAMILY)
    supervisor.start([spec])
    await until(lambda: spec.log.exists() and spec.log.read_text().endswith("\n"))
    grandchild = int(spec.log.read_text())
    os.kill(supervisor.children["a"].pid, signal.SIGKILL)
    await until(lambda: not _runs(grandchild))


def _runs(pid: int) -> bool:
    """A zombie does not run: in a container nobody may reap an orphan."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_connections_wait_for_a_restarted_process(
    supervisor: Supervisor, make: Callable[..., Spec]
) -> None:
    port = ports.choose()
    with ports.hold("127.0.0.1", port, shared=True) as held:
        supervisor.start([make("a", SERVER, listen_fd=held.fileno())])
        first = await _ask(port)
        # Dead, not only told to die: until then it may still take a connection with it.
        ended = os.pidfd_open(first)
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(select.select, [ended], [], [], 10)
        os.close(ended)
        assert await _ask(port) != first


async def _ask(port: int) -> int:
    """One request on a new connection: which process answered."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        pid = int(await reader.read())
        writer.close()
        return pid


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path;"
        "from rtbplatform.local.process import Spec; from rtbplatform.local.supervisor import Supervisor\n"
        "async def main():\n"
        f" s = Supervisor(Path({str(tmp_path)!r}) / 'children.json')\n"
        f" s.start([Spec(name='a', argv=(sys.executable, '-c', {SLEEP!r}), log=Path({str(tmp_path)!r}) / 'a.log')])\n"
        " print(s.children['a'].pid, flush=True)\n"
        " await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    parent = subprocess.Popen(
        (sys.executable, "-c", program), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(
        lambda: (
            Path(f"/proc/{child}/cmdline")
            .read_bytes()
            .startswith(sys.executable.encode() + b"\0-c")
        )
    )
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not _runs(child))


async def test_what_a_killed_run_left_behind_is_ended(
    supervisor: Supervisor, make: Callable[..., Spec], tmp_path: Path
) -> None:
    supervisor.ready = True
    supervisor.start([make("a", SLEEP)])
    child = supervisor.children["a"]
    ended = await asyncio.to_thread(end_leftovers, tmp_path / "children.json")
    assert ended == 1
    assert await child.wait() < 0


def test_a_reused_process_number_is_left_alone(tmp_path: Path) -> None:
    ticks = started_ticks(os.getpid())
    assert ticks is not None
    (tmp_path / "children.json").write_text(
        f'[{{"pid": {os.getpid()}, "started_ticks": {ticks - 1}}}]'
    )
    assert end_leftovers(tmp_path / "children.json") == 0


def test_a_held_socket_refuses_nobody_while_its_process_is_away() -> None:
    port = ports.choose()
    with (
        ports.hold("127.0.0.1", port, shared=True),
        socket.create_connection(("127.0.0.1", port), timeout=1) as client,
    ):
        assert client.getpeername() == ("127.0.0.1", port)
