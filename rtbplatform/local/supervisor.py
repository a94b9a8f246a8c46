"""Keeps a plan of processes alive: restarts what dies, gives up when a start is hopeless, stops all in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from rtbplatform.local.folders import LocalError, rotate_log, tail
from rtbplatform.local.leftovers import record_children
from rtbplatform.local.process import Child, Spec
from rtbplatform.local.restarts import Restarts
from rtbplatform.local.say import say


class Supervisor:
    """Runs specs until told to stop. Not ready yet: five quick deaths of one essential process end the run."""

    def __init__(self, children_file: Path) -> None:
        self.ready = False
        self.on_change: Callable[[], object] | None = None
        """Called whenever a process number has changed."""
        self.children: dict[str, Child] = {}
        self._children_file = children_file
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hurry = False

    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self.children.items() if child.alive}

    def start(self, specs: Iterable[Spec]) -> None:
        """Starts processes and keeps each alive."""
        for spec in specs:
            rotate_log(spec.log)
            self._launch(spec)
            keeper = asyncio.create_task(self._keep(spec), name=spec.name)
            keeper.add_done_callback(self._keeper_ended)
            self._keepers[spec.name] = keeper
        self._changed()

    async def failure(self) -> None:
        """Waits for ever, or raises LocalError once the run is hopeless."""
        await asyncio.shield(self._failure)

    async def run_once(self, spec: Spec) -> None:
        """Runs a command to its end. Raises LocalError with the tail of its log when it fails."""
        offset = spec.log.stat().st_size if spec.log.exists() else 0
        self._launch(spec)
        self._changed()
        try:
            code = await self.children[spec.name].wait()
        finally:
            await self.children.pop(spec.name).stop()
        if code != 0:
            raise LocalError(_obituary(spec, code, offset))

    def _launch(self, spec: Spec) -> Child:
        child = self.children[spec.name] = Child(spec)
        return child

    def _changed(self) -> None:
        record_children(self._children_file, self.pids().values())
        if self.on_change is not None:
            self.on_change()

    async def _keep(self, spec: Spec) -> None:
        restarts = Restarts(delay_max_s=spec.delay_max_s, deaths=[])
        while True:
            child = self.children[spec.name]
            code = await child.wait()
            delay_s = restarts.died(child.started_s, time.monotonic())
            if not self.ready and spec.essential and restarts.hopeless():
                raise LocalError(_obituary(spec, code))
            say(f"{spec.name} (process {child.pid}) {_ending(code)}; starting it again")
            await asyncio.sleep(delay_s)
            self._launch(spec)
            self._changed()

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        """Keepers end by being cancelled, or by an error that ends the run."""
        if not keeper.cancelled() and not self._failure.done():
            self._failure.set_exception(keeper.exception() or LocalError("a keeper ended"))

    async def stop(self) -> None:
        """Stops everything in the order of `stop_rank`, each rank at once, with SIGKILL after the grace period."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        if self._failure.done():
            self._failure.exception()  # seen
        children = sorted(self.children.values(), key=_stop_rank)
        for _, rank in groupby(children, key=_stop_rank):
            members = list(rank)
            if self._hurry:
                _kill(members)
            await asyncio.gather(*(child.stop() for child in members))
        self._children_file.unlink(missing_ok=True)

    def hurry(self) -> None:
        """The second Ctrl-C: nothing is waited for any more. What was committed stays committed."""
        self._hurry = True
        _kill(self.children.values())


def _kill(children: Iterable[Child]) -> None:
    for child in children:
        if child.alive:
            child.signal_group(signal.SIGKILL)


def _stop_rank(child: Child) -> int:
    return child.spec.stop_rank


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _obituary(spec: Spec, code: int, offset: int = 0) -> str:
    with spec.log.open("rb") as file:
        file.seek(offset)
        said = file.read(1)
    last = tail(spec.log) if said else "(it said nothing)"
    return f"{spec.name} {_ending(code)}. The end of {spec.log}:\n\n{last}\n"
