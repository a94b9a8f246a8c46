"""``python -m bidder``: one worker, on an inherited socket (LISTEN_FD) or its own, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys

import uvloop
from aiohttp import web

from bidder.server import make_app
from bidder.worker import Worker
from rtbplatform.kernel.environment import SettingsError, load
from rtbplatform.kernel.settings import Bidder

BACKLOG = 4096
GRACE_S = 2.0
KEEPALIVE_S = 75.0

log = logging.getLogger("bidder")


def listening_socket(settings: Bidder) -> socket.socket:
    """The supervisor's, so that connections wait for us while we restart; or a new one."""
    if settings.listen_fd >= 0:
        return socket.socket(fileno=settings.listen_fd)
    bound = socket.socket(socket.AF_INET6 if ":" in settings.bind_host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((settings.bind_host, settings.bidder_port))
    return bound


async def serve(settings: Bidder, stop: asyncio.Event, started: asyncio.Event) -> None:
    """Until `stop`: then no new connections, requests under way finish within `GRACE_S`, outcomes reach the banker."""
    worker = Worker(settings)
    await worker.start()
    runner = web.AppRunner(
        make_app(worker),
        access_log=None,
        auto_decompress=False,  # bodies are decoded within limits by bidder.edge.body
        keepalive_timeout=KEEPALIVE_S,
        lingering_time=1.0,
        shutdown_timeout=GRACE_S,
    )
    await runner.setup()
    await web.SockSite(runner, listening_socket(settings), backlog=BACKLOG).start()
    log.info("worker %d of %s serves", settings.worker, settings.pod)
    started.set()
    await stop.wait()
    log.info("worker %d of %s stops", settings.worker, settings.pod)
    worker.stopping = True
    await runner.cleanup()
    log.debug("no request is under way")
    await worker.stop()
    log.info("worker %d of %s stopped", settings.worker, settings.pod)


async def run(settings: Bidder) -> None:
    """`serve`, with signals."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop, asyncio.Event())


def main() -> int:
    """Exit code: 0 after a clean stop, 2 for wrong settings."""
    try:
        settings = load(Bidder, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    # aiohttp logs what clients send wrong, with tracebacks; our own mistakes are caught before they get there.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    uvloop.run(run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
