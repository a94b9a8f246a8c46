"""What ran where: CPU time of processes from /proc, pinning, and the machine's description."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
PACKAGES = ("aiohttp", "apsw", "httptools", "msgspec", "uvloop")


class Machine(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    packages: dict[str, str]
    load_1min: float
    """At the start: what else the machine was doing."""


def describe() -> Machine:
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=models[0] if models else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        kernel=platform.release(),
        python=sys.version.split()[0],
        packages={name: version(name) for name in PACKAGES},
        load_1min=os.getloadavg()[0],
    )


def cpu_us(pid: int) -> float:
    """User + system time of a process since its start, all threads, microseconds (10 ms steps)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_US


def pin(pid: int, cores: set[int]) -> None:
    """All threads of a process to some cores; nothing on a machine with one core."""
    if len(os.sched_getaffinity(0)) == 1:
        return
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)
