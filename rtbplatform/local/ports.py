"""Loopback ports below the kernel's range for outgoing connections, so that none is lost to a client by chance."""

from __future__ import annotations

import random
import socket

FIRST_PORT, LAST_PORT = 20_000, 31_999  # outgoing connections start at 32768


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on, or holds, the port. Without SO_REUSEPORT, so that shared sockets count as taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
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


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound TCP socket that does not listen yet; `shared` ones split the connections of one port evenly."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except BaseException:
        held.close()
        raise
    return held
