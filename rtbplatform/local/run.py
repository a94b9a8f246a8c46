"""`make run`: brings the whole platform up in phases, keeps it alive, and takes it down in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from itertools import chain

from rtbplatform.kernel import environment
from rtbplatform.kernel.settings import Local, Platform
from rtbplatform.local import plan as plans
from rtbplatform.local import ports, readiness, servers, sockets
from rtbplatform.local.folders import Folders, LocalError, lock, write_json
from rtbplatform.local.leftovers import end_leftovers
from rtbplatform.local.say import complain, say
from rtbplatform.local.state import ServersState, choose_endpoints
from rtbplatform.local.static_files import static_files_step
from rtbplatform.local.supervisor import Supervisor

SAME_SIGNAL_S = 1.0
"""A signal to the whole group comes twice: from the terminal, and passed on by make."""


async def run(folders: Folders | None = None) -> int:
    """The exit code: 0 after a stop by signal, 1 when the start failed, 2 for a wrong setting."""
    folders = folders or Folders.default()
    try:
        folders.create()
        settings = read_settings()
        with lock(folders.var / "run.lock"):
            return await _supervised(folders, settings)
    except (environment.SettingsError, LocalError) as error:
        complain(str(error))
        return 2 if isinstance(error, environment.SettingsError) else 1


def read_settings() -> Local:
    """Raises SettingsError with a sentence for each wrong setting."""
    settings = environment.load(Local, os.environ)
    if settings.redis_url and settings.regions > 1:
        raise environment.SettingsError(
            "REDIS_URL is one Redis, and each region needs its own: unset it, or set REGIONS=1."
        )
    return settings


async def _supervised(folders: Folders, settings: Local) -> int:
    """Brings up, waits for a signal or the end, and always takes down."""
    supervisor = Supervisor(folders.children_file)
    work = asyncio.create_task(_platform(folders, settings, supervisor))
    stopping = False
    first_s = 0.0
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        nonlocal stopping, first_s
        if not stopping:
            stopping, first_s = True, loop.time()
            say("Stopping (once more kills)")
            work.cancel()
        elif loop.time() - first_s > SAME_SIGNAL_S:
            say("Again: killing what is left.")
            supervisor.hurry()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    try:
        await work
    except asyncio.CancelledError:
        if not stopping:
            raise
    finally:
        stopping = True
        folders.ready_file.unlink(missing_ok=True)
        folders.environment_file.unlink(missing_ok=True)
        await supervisor.stop()
        say("Everything has stopped.")
    return 0


async def _platform(folders: Folders, settings: Local, supervisor: Supervisor) -> None:
    folders.ready_file.unlink(missing_ok=True)
    ended = end_leftovers(folders.children_file)
    if ended:
        say(f"Ended {ended} processes that an earlier run had left behind.")
    with contextlib.ExitStack() as held:
        web_socket, bidder_sockets = sockets.hold_sockets(settings)
        proxy_sockets = sockets.hold_proxy_sockets(settings.regions)
        bidders = (one for many in bidder_sockets.values() for one in many)
        for owned in (web_socket, *bidders, *proxy_sockets.values()):
            held.enter_context(owned)
        state = choose_endpoints(folders.state_file, sockets.region_names(settings.regions))
        stores = servers.prepare(
            folders,
            state,
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            tell=say,
        )
        assert state.dsp_port is not None
        # Held from here on: until the simulators start, nobody else can take it.
        dsp_socket = held.enter_context(ports.hold("127.0.0.1", state.dsp_port))
        plan = plans.make_plan(
            settings,
            folders,
            database_url=stores.database_url,
            redis_urls=stores.redis_urls,
            dsp_socket=dsp_socket,
            web_socket=web_socket,
            bidder_sockets=bidder_sockets,
            proxy_sockets=proxy_sockets,
        )
        await _bring_up(folders, supervisor, plan, stores, state)
        await supervisor.failure()


async def _bring_up(
    folders: Folders,
    supervisor: Supervisor,
    plan: plans.Plan,
    stores: servers.Servers,
    state: ServersState,
) -> None:
    say("Starting Postgres and Redis")
    await servers.start(stores, state, supervisor)
    for told, spec in chain(plan.prepare, static_files_step(folders, plan.prepare[0][1])):
        say(told)
        await servers.or_failure(supervisor, supervisor.run_once(spec))
    write_json(folders.environment_file, plans.inherited(Platform) | plan.prepare[0][1].env)
    say(f"Starting {len(plan.processes)} processes")
    supervisor.start(plan.processes)
    asked = readiness.checks(plan, supervisor)
    await servers.or_failure(supervisor, readiness.wait_until_ready(asked, folders.logs))

    def publish() -> dict[str, object]:
        pids = {"supervisor": os.getpid(), **supervisor.pids()}
        content = readiness.facts(plan, folders, pids, stores.database_url)
        readiness.write_ready(folders, content)
        return content

    supervisor.ready = True
    supervisor.start(plan.exchange)
    supervisor.on_change = publish
    readiness.announce(folders, publish(), plan.settings.traffic)
