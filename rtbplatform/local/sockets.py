"""The listening sockets of a run, all taken before anything starts and held while it lasts."""

from __future__ import annotations

import socket

from rtbplatform.kernel.settings import Local
from rtbplatform.local import ports
from rtbplatform.local.folders import LocalError


def region_names(count: int) -> tuple[str, ...]:
    return ("local",) if count == 1 else tuple(f"r{number}" for number in range(1, count + 1))


def reachable_host(bind_host: str) -> str:
    """How a URL names the address that we bind."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind_host, bind_host)
    return f"[{host}]" if ":" in host else host


def hold_sockets(settings: Local) -> tuple[socket.socket, dict[str, tuple[socket.socket, ...]]]:
    """Takes every public port before anything starts. Raises LocalError for a port in use, naming its setting."""
    wanted = {"WEB_PORT": settings.web_port, "BIDDER_PORT": settings.bidder_port}
    if settings.bidder_port <= settings.web_port < settings.bidder_port + settings.regions:
        raise LocalError(f"WEB_PORT={settings.web_port} is also a bidder port: set another one.")
    if settings.bidder_port + settings.regions - 1 > 65_535:
        raise LocalError("BIDDER_PORT + REGIONS is above 65535: set a lower BIDDER_PORT.")
    for name, port in wanted.items():
        count = settings.regions if name == "BIDDER_PORT" else 1
        for number in range(port, port + count):
            if not ports.is_free(settings.bind_host, number):
                raise LocalError(
                    f"Port {number} of {settings.bind_host} is in use (or not allowed): "
                    f"stop what uses it, or set {name} to a free port."
                )
    bidders = {
        region: tuple(
            ports.hold(settings.bind_host, settings.bidder_port + number, shared=True)
            for _ in range(settings.bidders)
        )
        for number, region in enumerate(region_names(settings.regions))
    }
    return ports.hold(settings.bind_host, settings.web_port), bidders


def hold_proxy_sockets(regions: int) -> dict[str, socket.socket]:
    """A loopback port for each region's way to Postgres; none for one region alone."""
    names = region_names(regions) if regions > 1 else ()
    return {name: ports.hold("127.0.0.1", ports.choose()) for name in names}
