"""Loopback ports below the kernel's range for outgoing connections, so that none is lost to a client by chance."""

from __future__ import annotations

import random
import socket

LISTEN_BACKLOG = 4096
FIRST_PORT, LAST_PORT = 20_000, 31_999  # outgoing connections start at 32768


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on the port, shared or not. SO_REUSEADDR: connections that linger do not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)  # two sockets that do not listen may be bound to one port
        except OSError:
            return False
    return True


def choose(preferred: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port if it is free, else a random free one. Random, so that checkouts rarely meet."""
    if preferred and preferred not in taken and is_free("127.0.0.1", preferred):
        return preferred
    for port in random.SystemRandom().sample(range(FIRST_PORT, LAST_PORT + 1), 500):
        if port not in taken and is_free("127.0.0.1", port):
            return port
    raise OSError(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def hold(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; `shared` ones split the connections of one port evenly.

    It listens from the start, as only then others see that the port is taken; who connects early waits.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
        held.listen(LISTEN_BACKLOG)
    except BaseException:
        held.close()
        raise
    return held
