"""Processes that a killed run left behind: recorded while it runs, ended before the next start.

A process is told by its number and its start time, so that a reused number is never taken for ours.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable
from pathlib import Path

import msgspec

from rtbplatform.local.folders import write_json

GRACE_S = 20.0


class Leftover(msgspec.Struct, frozen=True):
    pid: int
    started_ticks: int


def started_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22); None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[19])


def record_children(path: Path, pids: Iterable[int]) -> None:
    """Writes down who runs."""
    known = [(pid, started_ticks(pid)) for pid in pids]
    write_json(path, [Leftover(pid, ticks) for pid, ticks in known if ticks is not None])


def end_leftovers(path: Path) -> int:
    """Ends what a killed run left running, all at once: SIGTERM, 20 s, SIGKILL. How many there were."""
    try:
        recorded = msgspec.json.decode(path.read_bytes(), type=list[Leftover])
    except (FileNotFoundError, msgspec.MsgspecError):
        return 0
    alive = [item.pid for item in recorded if started_ticks(item.pid) == item.started_ticks]
    end_all(alive, signal.SIGTERM)
    path.unlink(missing_ok=True)
    return len(alive)


def end_all(pids: Iterable[int], first_signal: int, grace_s: float = GRACE_S) -> None:
    """Asks processes that are not our children to end, waits for each, then kills their groups."""
    handles = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handles[pid] = os.pidfd_open(pid)
            os.kill(pid, first_signal)
    for pid, handle in handles.items():
        ready, _, _ = select.select([handle], [], [], grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what is left of its group, or all of it
        if not ready:
            select.select([handle], [], [], grace_s)
        os.close(handle)
